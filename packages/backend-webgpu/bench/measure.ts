import { type AttentionSpec, createAttention, topBlocks } from "@spaattn/attention";
import type { WebGpuBackend } from "@spaattn/backend-webgpu";
import { convert, type FloatDType, HostTensor } from "@spaattn/core";

export interface Setting {
  readonly tokens: number;
  readonly headDim: number;
  readonly heads: number;
  readonly dtype: FloatDType;
}

export interface Row extends Setting {
  /** Share of blocks kept in the sparse runs. */
  readonly density: number;
  readonly denseMs: number;
  readonly denseGflops: number;
  readonly shareOfPeak: number;
  /** Attention alone, and everything. */
  readonly noneAttendMs: number;
  readonly paperMs: number;
  readonly tailMs: number;
  /** Rate per computed block of plain sparse attention, of the dense rate. */
  readonly sparseEfficiency: number;
  /** Pooling and estimation, of the paper's method's whole time. */
  readonly estimateShare: number;
  /** What tail adds to plain sparse attention, of the dense time. */
  readonly tailOverhead: number;
  readonly speedup: number;
  readonly steps: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly kernel: string;
}

const DROP = 0.8;
const WARM_UP_MS = 150;

/** Values like those of a model after normalisation; a short run of random numbers, repeated. */
function randomTensor(setting: Setting, seed: number): HostTensor {
  const { tokens, headDim, heads, dtype } = setting;
  const length = heads * tokens * headDim;
  const noise = new Float32Array(65_521);
  let state = seed;
  for (let i = 0; i < noise.length; i++) {
    let sum = -2;
    for (let k = 0; k < 4; k++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      sum += state / 4_294_967_296;
    }
    noise[i] = 1.7 * sum;
  }
  const values = convert(noise, "f32", dtype);
  const tensor = new HostTensor(dtype, [1, heads, tokens, headDim]);
  for (let at = 0; at < length; at += values.length)
    (tensor.data as Float32Array).set(values.subarray(0, Math.min(values.length, length - at)) as Float32Array, at);
  return tensor;
}

/** Enough work in a row that the device has raised its clocks. */
async function warmUp(backend: WebGpuBackend, encode: (encoder: GPUCommandEncoder) => void): Promise<void> {
  const { queue } = backend.gpuDevice;
  const start = performance.now();
  for (let times = 1; performance.now() - start < WARM_UP_MS && times <= 256; times *= 2) {
    const encoder = backend.gpuDevice.createCommandEncoder();
    for (let i = 0; i < times; i++) encode(encoder);
    queue.submit([encoder.finish()]);
    await queue.onSubmittedWorkDone();
  }
}

/** Best run of a spec: milliseconds of every step by the device's clock. */
async function time(backend: WebGpuBackend, spec: AttentionSpec, io: Record<string, never>, runs: number) {
  const attention = await createAttention(backend, spec);
  const output = backend.allocate(spec.dtype ?? "f32", [1, spec.heads, spec.visualTokens, spec.headDim]);
  const kernel = attention.describe().find(({ op }) => op === "attend")!;
  let best: { total: number; steps: Record<string, number> } | undefined;
  try {
    const tensors = { ...(io as never as { query: never; key: never; value: never }), output };
    for (let run = 0; run <= runs; run++) {
      if (!backend.device.software) await warmUp(backend, (encoder) => attention.encode(encoder, tensors));
      const { report } = await attention.run(tensors);
      const steps: Record<string, number> = {};
      for (const { op, ms } of report.steps) steps[op] = (steps[op] ?? 0) + ms;
      const total = Object.values(steps).reduce((sum, ms) => sum + ms, 0);
      if (run > 0 && (!best || total < best.total)) best = { total, steps };
    }
  } finally {
    attention.dispose();
    output.dispose();
  }
  return { ...best!, kernel: `${kernel.kernel}: ${kernel.reason}` };
}

/** Dense and 80 % dropped attention at one size. */
export async function measure(backend: WebGpuBackend, setting: Setting, peak: number, runs: number): Promise<Row> {
  const { tokens, headDim, heads, dtype } = setting;
  const io = Object.fromEntries(
    ["query", "key", "value"].map((name, i) => [name, backend.upload(randomTensor(setting, 7 + i))]),
  );
  const base: AttentionSpec = { heads, headDim, visualTokens: tokens, dtype, policy: topBlocks({ dropRate: DROP }) };
  const of = (extra: Partial<AttentionSpec>) => time(backend, { ...base, ...extra }, io as never, runs);
  try {
    const dense = await of({ dense: true });
    const none = await of({ rectify: "none" });
    const paper = await of({ rectify: "paper" });
    const tail = await of({ rectify: "tail" });
    const blocks = Math.ceil(tokens / 128);
    // At least one block of a row is always kept.
    const density = Math.max(1, Math.trunc(Math.round((1 - DROP) * blocks * 1e9) / 1e9)) / blocks;
    const denseGflops = (4 * tokens * tokens * headDim * heads) / dense.total / 1e6;
    return {
      ...setting,
      density,
      denseMs: dense.total,
      denseGflops,
      shareOfPeak: (denseGflops * 1e9) / peak,
      noneAttendMs: none.steps.attend,
      paperMs: paper.total,
      tailMs: tail.total,
      sparseEfficiency: (dense.total * density) / none.steps.attend,
      estimateShare: (paper.steps.pool + paper.steps.estimate) / paper.total,
      tailOverhead: (tail.total - none.steps.attend) / dense.total,
      speedup: dense.total / tail.total,
      steps: { dense: dense.steps, none: none.steps, paper: paper.steps, tail: tail.steps },
      kernel: dense.kernel,
    };
  } finally {
    for (const tensor of Object.values(io)) tensor.dispose();
  }
}
