// Makes `import ... from "spaattn"` work in a checkout with plain Node: JavaScript alone, no types, in a second or two.
// Packages that are built properly, and after their last change, are left as they are.

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { newest, oldest, publicPackages, root } from "./workspace.mjs";

/** Source of every entry point by the file it is built to: `{ "dist/index.js": "src/index.ts" }`. */
function entriesOf({ exports = {} }) {
  const pairs = Object.values(exports)
    .filter((entry) => typeof entry === "object")
    .map((entry) => [entry.default, entry["@spaattn/source"]]);
  return pairs.filter(([built, source]) => built?.startsWith("./dist/") && source);
}

const stale = publicPackages().flatMap(({ directory, manifest }) => {
  const entries = entriesOf(manifest).map(([built, source]) => [join(directory, built), join(directory, source)]);
  if (entries.length === 0) return [];
  const built = entries.map(([file]) => file);
  if (built.every(existsSync) && oldest(built) >= newest(join(directory, "src"))) return [];
  return [{ directory, entries }];
});

if (stale.length > 0) {
  // esbuild comes with tsup.
  const near = createRequire(createRequire(join(root, "package.json")).resolve("tsup/package.json"));
  const { build } = near("esbuild");
  for (const { directory, entries } of stale)
    await build({
      entryPoints: entries.map(([out, source]) => ({
        in: source,
        out: out.slice(join(directory, "dist/").length, -3),
      })),
      outdir: join(directory, "dist"),
      bundle: true,
      splitting: true,
      packages: "external",
      format: "esm",
      target: "es2022",
      platform: "neutral",
      sourcemap: true,
      loader: { ".wgsl": "text" },
      logLevel: "error",
    });
}
