import type { Plugin } from "vite";

/** Imports `.wgsl` files as strings, as the packages' own builds do. */
export const wgslAsText = (): Plugin => ({
  name: "wgsl-as-text",
  enforce: "pre",
  transform(code, id) {
    if (!id.split("?")[0].endsWith(".wgsl")) return undefined;
    return { code: `export default ${JSON.stringify(code)};`, map: null };
  },
});
