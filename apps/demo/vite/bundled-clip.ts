import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

const FOLDER = fileURLToPath(new URL("../../cli/assets/", import.meta.url));

/** Serves the command line's bundled clip as `./clip.*`, and tells the code (`__CLIP__`) and the page (`%CLIP%`) its name. */
export function bundledClip(): Plugin {
  const name = existsSync(FOLDER) ? readdirSync(FOLDER).find((file) => /^clip\.(gif|webp|png)$/.test(file)) : undefined;
  if (!name) throw new Error(`there is no bundled clip in ${FOLDER}`);
  const source = readFileSync(FOLDER + name);
  return {
    name: "bundled-clip",
    config: () => ({ define: { __CLIP__: JSON.stringify(name) } }),
    transformIndexHtml: (html) => html.replaceAll("%CLIP%", name),
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        if (request.url?.split("?")[0] !== `/${name}`) return next();
        response.setHeader("Content-Type", `image/${name.split(".")[1]}`);
        response.end(source);
      });
    },
    generateBundle() {
      this.emitFile({ type: "asset", fileName: name, source });
    },
  };
}
