import { createAttention, topBlocks } from "@spaattn/attention";
import { webgpu } from "@spaattn/backend-webgpu";
import { convert } from "@spaattn/core";
import { ONNX_TYPE, oneNodeModel } from "./onnx.js";

/** `onnxruntime-web/webgpu`, loaded by whoever calls: a page and Node do that differently. */
type OnnxRuntime = typeof import("onnxruntime-web/webgpu");

export interface ComparisonOptions {
  readonly tokens: number;
  readonly heads: number;
  readonly headDim: number;
  readonly dtype: "f32" | "f16";
}

export interface Comparison extends ComparisonOptions {
  readonly device: string;
  readonly kernel: string;
  readonly onnxruntimeMs: number;
  readonly denseMs: number;
  /** 80 % of the blocks dropped, rectify "tail", everything included. */
  readonly sparseMs: number;
  /** Of both dense outputs, relative to the norm. */
  readonly difference: number;
}

const AIM_MS = 100;

/** Milliseconds per call on the host's clock, the best of three rows of calls that are long enough to raise the clocks. */
async function time(device: GPUDevice, once: () => Promise<unknown>): Promise<number> {
  const inRow = async (count: number) => {
    const start = performance.now();
    for (let i = 0; i < count; i++) await once();
    await device.queue.onSubmittedWorkDone();
    return (performance.now() - start) / count;
  };
  await inRow(1);
  const count = Math.max(2, Math.min(100, Math.round(AIM_MS / (await inRow(2)))));
  let best = await inRow(count);
  for (let i = 0; i < 2; i++) best = Math.min(best, await inRow(count));
  return best;
}

function noise(length: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** From `[tokens, heads, headDim]`, onnxruntime's order, to `[heads, tokens, headDim]`. */
function byHead(values: Float32Array, { tokens, heads, headDim }: ComparisonOptions): Float32Array {
  const result = new Float32Array(values.length);
  for (let t = 0; t < tokens; t++)
    for (let h = 0; h < heads; h++)
      result.set(values.subarray((t * heads + h) * headDim, (t * heads + h + 1) * headDim), (h * tokens + t) * headDim);
  return result;
}

async function read(device: GPUDevice, buffer: GPUBuffer, bytes: number, dtype: "f32" | "f16"): Promise<Float32Array> {
  const staging = device.createBuffer({ size: bytes, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, bytes);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const raw = staging.getMappedRange().slice(0);
  staging.destroy();
  return dtype === "f32" ? new Float32Array(raw) : (convert(new Uint16Array(raw), "f16", "f32") as Float32Array);
}

const difference = (a: Float32Array, b: Float32Array): number =>
  Math.sqrt(a.reduce((sum, x, i) => sum + (x - b[i]) ** 2, 0) / b.reduce((sum, x) => sum + x * x, 0));

/** Dense attention here and in onnxruntime's MultiHeadAttention, on its device; inputs and outputs stay there. */
export async function compare(ort: OnnxRuntime, options: ComparisonOptions): Promise<Comparison> {
  const { tokens, heads, headDim, dtype } = options;
  const dims = [1, tokens, heads * headDim];
  const node = {
    op: "MultiHeadAttention",
    domain: "com.microsoft",
    inputs: ["q", "k", "v"],
    attributes: { num_heads: heads },
  };
  const session = await ort.InferenceSession.create(oneNodeModel(node, dims, ONNX_TYPE[dtype]), {
    executionProviders: ["webgpu"],
    preferredOutputLocation: "gpu-buffer",
  });
  const device = (await ort.env.webgpu.device) as GPUDevice;
  if (dtype === "f16" && !device.features.has("shader-f16")) {
    await session.release();
    throw new Error("onnxruntime's device has no shader-f16");
  }
  const count = tokens * heads * headDim;
  const size = count * (dtype === "f16" ? 2 : 4);
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
  const owned: GPUBuffer[] = [];
  const upload = (values: Float32Array) => {
    const buffer = device.createBuffer({ size, usage });
    owned.push(buffer);
    device.queue.writeBuffer(buffer, 0, convert(values, "f32", dtype) as Float32Array<ArrayBuffer>);
    return buffer;
  };
  const inputs = [1, 2, 3].map((seed) => noise(count, seed));
  try {
    const dataType = dtype === "f16" ? "float16" : "float32";
    const tensors = inputs.map((values) => ort.Tensor.fromGpuBuffer(upload(values), { dataType, dims }));
    const feeds = { q: tensors[0], k: tensors[1], v: tensors[2] };
    const first = await session.run(feeds);
    const theirs = await read(device, first.y.gpuBuffer as GPUBuffer, size, dtype);
    first.y.dispose();
    const onnxruntimeMs = await time(device, async () => {
      for (const tensor of Object.values(await session.run(feeds))) tensor.dispose();
    });

    const backend = await webgpu.create({ device });
    const buffers = [...inputs.map((values) => upload(byHead(values, options))), upload(new Float32Array(count))];
    const shape = [1, heads, tokens, headDim];
    const [query, key, value, output] = buffers.map((buffer) => backend.wrap(buffer, { dtype, shape }));
    const ours = async (dense: boolean) => {
      const policy = topBlocks({ dropRate: 0.8 });
      const attention = await createAttention(backend, { heads, headDim, visualTokens: tokens, dtype, dense, policy });
      const ms = await time(device, async () => {
        const encoder = device.createCommandEncoder();
        attention.encode(encoder, { query, key, value, output });
        device.queue.submit([encoder.finish()]);
      });
      const { kernel } = attention.describe().find(({ op }) => op === "attend")!;
      attention.dispose();
      return { ms, kernel };
    };
    const dense = await ours(true);
    const apart = difference(await read(device, buffers[3], size, dtype), byHead(theirs, options));
    const sparse = await ours(false);
    const { label } = backend.device;
    const times = { onnxruntimeMs, denseMs: dense.ms, sparseMs: sparse.ms };
    return { ...options, device: label, kernel: dense.kernel, ...times, difference: apart };
  } finally {
    for (const buffer of owned) buffer.destroy();
    await session.release();
  }
}

/** One line for people. */
export function describeComparison(comparison: Comparison): string {
  const { dtype, tokens, heads, headDim, onnxruntimeMs, denseMs, sparseMs, kernel } = comparison;
  const ratio = (ms: number) => `${ms.toFixed(2)} ms (${(onnxruntimeMs / ms).toFixed(2)}x)`;
  return (
    `${tokens} tokens, ${heads} heads of ${headDim}, ${dtype}: onnxruntime ${onnxruntimeMs.toFixed(2)} ms, dense here ` +
    `${ratio(denseMs)} with ${kernel}, 80 % dropped with tail ${ratio(sparseMs)}; ` +
    `outputs differ by ${comparison.difference.toExponential(1)}`
  );
}
