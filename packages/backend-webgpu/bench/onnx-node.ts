// pnpm bench webgpu --onnx [--sizes 1024,4096] [--head-dims 64,128] [--dtypes f32,f16] [--heads 8] [--dawn "..."] [--json FILE]
// Dense attention against onnxruntime-web's MultiHeadAttention, in Node: no browser is needed.
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { type Comparison, compare, describeComparison } from "./compare.js";

const { values: flags } = parseArgs({
  args: process.argv.slice(2).filter((argument) => argument !== "--"),
  allowPositionals: true,
  options: {
    onnx: { type: "boolean" },
    sizes: { type: "string", default: "1024" },
    "head-dims": { type: "string", default: "64,128" },
    dtypes: { type: "string", default: "f32,f16" },
    heads: { type: "string", default: "8" },
    json: { type: "string" },
    dawn: { type: "string", default: "" },
  },
});
const list = (text: string) => text.split(",").map(Number);

const { create, globals } = await import("webgpu");
Object.assign(globalThis, globals);
const gpu = create(flags.dawn.split(" ").filter(Boolean));
Object.defineProperty(globalThis, "navigator", { value: { gpu, userAgent: "Node" }, configurable: true });
// onnxruntime's memory is shared, which a browser's writeBuffer takes and Dawn's in Node does not.
const queue = (globals as unknown as { GPUQueue: { prototype: GPUQueue } }).GPUQueue.prototype;
const writeBuffer = queue.writeBuffer as (...args: unknown[]) => undefined;
queue.writeBuffer = function (this: GPUQueue, buffer: GPUBuffer, offset: number, data: never, ...rest: number[]) {
  const view = data as Uint8Array;
  const shared = view.buffer instanceof SharedArrayBuffer;
  return writeBuffer.call(this, buffer, offset, shared ? view.slice() : view, ...rest);
};

const ort = await import("onnxruntime-web/webgpu");
ort.env.wasm.numThreads = 1;
const entry = createRequire(import.meta.url).resolve("onnxruntime-web/webgpu");
ort.env.wasm.wasmPaths = pathToFileURL(`${dirname(entry)}/`).href;

// Rounding apart: f16 there keeps more than its tensors in half precision.
const TOLERANCE = { f32: 1e-4, f16: 1e-2 };
const rows: Comparison[] = [];
let wrong = 0;
for (const dtype of flags.dtypes.split(",") as ("f32" | "f16")[])
  for (const headDim of list(flags["head-dims"]))
    for (const tokens of list(flags.sizes)) {
      const setting = { tokens, heads: Number(flags.heads), headDim, dtype };
      try {
        const row = await compare(ort, setting);
        if (rows.length === 0) console.log(row.device);
        rows.push(row);
        console.log(describeComparison(row));
        if (row.difference > TOLERANCE[dtype]) {
          wrong++;
          console.log("  the outputs differ by more than rounding: do not trust this row");
        }
      } catch (error) {
        console.log(
          `${tokens} tokens, d = ${headDim}, ${dtype}: not compared (${(error as Error).message.split("\n")[0]})`,
        );
      }
      if (flags.json) writeFileSync(flags.json, JSON.stringify(rows, undefined, 2));
    }
process.exit(wrong > 0 || rows.length === 0 ? 1 : 0);
