// Bundled and run in a page by browser.ts: dense attention here and in onnxruntime-web, on one device.
import * as ort from "onnxruntime-web/webgpu";
import { type ComparisonOptions, compare } from "./compare.js";

ort.env.wasm.wasmPaths = "/ort/";
ort.env.wasm.numThreads = 1;
Object.assign(globalThis, { compare: (options: ComparisonOptions) => compare(ort, options) });
