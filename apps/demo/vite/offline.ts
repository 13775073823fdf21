import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

const TEMPLATE = fileURLToPath(new URL("./service-worker.js", import.meta.url));

/** Emits `sw.js`: the service worker with the list of built files and a version made from their contents. */
export const offline = (): Plugin => ({
  name: "offline",
  apply: "build",
  // Last, so that the list is complete (the page itself is emitted late).
  generateBundle: {
    order: "post",
    handler(_options, bundle) {
      const files = Object.keys(bundle).filter((name) => !name.endsWith(".map"));
      const hash = createHash("sha256");
      for (const name of files.sort()) {
        const item = bundle[name];
        hash.update(name).update(item.type === "chunk" ? item.code : item.source);
      }
      const source = readFileSync(TEMPLATE, "utf8")
        .replace('"VERSION"', JSON.stringify(hash.digest("hex").slice(0, 12)))
        .replace('["FILES"]', JSON.stringify(["./", ...files]));
      this.emitFile({ type: "asset", fileName: "sw.js", source });
    },
  },
});
