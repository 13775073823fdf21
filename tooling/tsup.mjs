import { defineConfig } from "tsup";

/** The one build every public package uses: ESM, types, no copied assets (text and bytes are inlined). */
export const library = (options = {}) =>
  defineConfig({
    entry: ["src/index.ts"],
    format: ["esm"],
    target: "es2022",
    platform: "neutral",
    dts: { compilerOptions: { customConditions: [] } },
    clean: true,
    sourcemap: true,
    treeshake: true,
    loader: { ".wgsl": "text" },
    // Optional dependencies and peers too stay imports.
    skipNodeModulesBundle: true,
    ...options,
  });
