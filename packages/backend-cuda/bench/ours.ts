// Times the backend on one model's attention layer and prints one JSON line; bench.py calls it with the inputs it made.
// node --conditions=@spaattn/source --import tsx bench/ours.ts --model hunyuan [--inputs DIRECTORY] [--repeats 5]
import { existsSync, openSync, readSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type AttentionSpec, createAttention, topBlocks } from "@spaattn/attention";
import { videoLayout } from "@spaattn/layout";
import type { CudaBackend } from "../src/backend.js";
import { cuda } from "../src/index.js";
import type { CudaProgram } from "../src/program.js";
import type { CudaTensor } from "../src/tensor.js";

const { values: options } = parseArgs({
  options: {
    model: { type: "string", default: "hunyuan" },
    inputs: { type: "string", default: "" },
    repeats: { type: "string", default: "5" },
    // Only writes the curve's order of the model's tokens, for inputs with the structure of video.
    order: { type: "string" },
  },
});

/** One layer each, as the models run it. */
const MODELS = {
  hunyuan: { heads: 24, headDim: 128, visualTokens: 118_800, textTokens: 256 },
  wan: { heads: 40, headDim: 128, visualTokens: 75_600, textTokens: 0 },
} as const;
const GRIDS = { hunyuan: [33, 45, 80], wan: [21, 45, 80] } as const;
const model = MODELS[options.model as keyof typeof MODELS];
if (options.order) {
  const { order } = videoLayout({ grid: GRIDS[options.model as keyof typeof GRIDS] });
  writeFileSync(options.order, new Uint8Array(order.buffer, order.byteOffset, order.byteLength));
  process.exit(0);
}
const tokens = model.visualTokens + model.textTokens;
const drop = options.model === "wan" ? 0.75 : 0.8;
const VARIANTS: Record<string, Partial<AttentionSpec>> = {
  none: { rectify: "none", policy: topBlocks({ dropRate: drop }) },
  paper: { rectify: "paper", policy: topBlocks({ dropRate: drop }) },
  tail90: { rectify: "tail", policy: topBlocks({ dropRate: 0.9 }) },
  tailSame: { rectify: "tail", policy: topBlocks({ dropRate: drop }) },
  dense: { dense: true },
};

/** Fills a tensor head by head: from a file of bf16 bits, or with normal numbers. */
function fill(backend: CudaBackend, name: string): CudaTensor {
  const tensor = backend.allocate("bf16", [1, model.heads, tokens, model.headDim]);
  const bytes = tokens * model.headDim * 2;
  const head = new Uint8Array(bytes);
  const path = join(options.inputs, `${name}.bin`);
  const file = options.inputs && existsSync(path) ? openSync(path, "r") : undefined;
  for (let h = 0; h < model.heads; h++) {
    if (file === undefined) randomHead(new Uint16Array(head.buffer), h + name.charCodeAt(0) * 100);
    else readSync(file, head, 0, bytes, h * bytes);
    backend.device.driver.copyToDevice(tensor.pointer + BigInt(h * bytes), head, backend.stream);
  }
  return tensor;
}

function randomHead(bits: Uint16Array, seed: number): void {
  const table = new Uint16Array(4096);
  const f32 = new Float32Array(1);
  const u32 = new Uint32Array(f32.buffer);
  for (let i = 0; i < table.length; i++) {
    f32[0] = Math.sqrt(-2 * Math.log(Math.random())) * Math.cos(2 * Math.PI * Math.random());
    table[i] = u32[0] >>> 16;
  }
  let state = seed;
  for (let i = 0; i < bits.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bits[i] = table[state >>> 20];
  }
}

const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1];

const backend = await cuda.create();
const io = { query: fill(backend, "query"), key: fill(backend, "key"), value: fill(backend, "value") };
const output = backend.allocate("bf16", [1, model.heads, tokens, model.headDim]);
const tensorBytes = 4 * model.heads * tokens * model.headDim * 2;
const results: Record<string, unknown> = {};
for (const [name, extra] of Object.entries(VARIANTS)) {
  const attention = await createAttention(backend, { ...model, dtype: "bf16", ...extra });
  const program = (attention as unknown as { program: CudaProgram }).program;
  const reports = [];
  for (let i = 0; i <= Number(options.repeats); i++) reports.push((await attention.run({ ...io, output })).report);
  const timed = reports.slice(1);
  const steps = Object.fromEntries(
    timed[0].steps.map(({ op }, i) => [op, median(timed.map((report) => report.steps[i].ms))]),
  );
  const memory = program.workspaceBytes / tensorBytes;
  results[name] = { ms: median(timed.map((report) => report.ms)), steps, memory };
  console.error(name, JSON.stringify(results[name]));
  if (options.inputs) {
    // The first head is enough for the errors.
    const bytes = tokens * model.headDim * 2;
    const head = backend.wrap(output.pointer, "bf16", [bytes / 2]);
    const { data } = await head.read();
    writeFileSync(join(options.inputs, `${name}.out.bin`), new Uint8Array(data.buffer, 0, bytes));
  }
  attention.dispose();
}
console.log(JSON.stringify(results));
backend.dispose();
