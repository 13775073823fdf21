import { defaultClientConditions, defineConfig } from "vite";
import { bundledClip } from "./vite/bundled-clip.js";
import { offline } from "./vite/offline.js";
import { wgslAsText } from "./vite/wgsl.js";

export default defineConfig({
  // Relative addresses: the site works from any folder of a plain web server.
  base: "./",
  plugins: [wgslAsText(), bundledClip(), offline()],
  resolve: { conditions: ["@spaattn/source", ...defaultClientConditions] },
  worker: { format: "es", plugins: () => [wgslAsText()] },
  build: { target: "es2022", modulePreload: { polyfill: false }, assetsInlineLimit: 0, chunkSizeWarningLimit: 700 },
  // Shared memory in development; the built site works with and without these headers.
  server: { headers: { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" } },
  preview: { headers: { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" } },
});
