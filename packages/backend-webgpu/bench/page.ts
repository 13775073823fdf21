// Bundled and run in a page by browser.ts: dense attention here and in onnxruntime-web, on one device.
import { webgpu } from "@spaattn/backend-webgpu";
import { createAttention, topBlocks } from "@spaattn/core";
import * as ort from "onnxruntime-web/webgpu";
import { oneNodeModel } from "./onnx.js";

export interface Comparison {
  readonly device: string;
  readonly onnxruntimeMs: number;
  readonly denseMs: number;
  readonly sparseMs: number;
}

async function best(runs: number, device: GPUDevice, once: () => Promise<unknown>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run <= runs; run++) {
    const start = performance.now();
    await once();
    await device.queue.onSubmittedWorkDone();
    if (run > 0) least = Math.min(least, performance.now() - start);
  }
  return least;
}

/** Milliseconds on the host's clock, inputs and outputs on the device: both sides submit and wait. */
async function compare(options: { tokens: number; heads: number; headDim: number; runs: number }): Promise<Comparison> {
  const { tokens, heads, headDim, runs } = options;
  ort.env.wasm.wasmPaths = "/ort/";
  ort.env.wasm.numThreads = 1;
  const dims = [1, tokens, heads * headDim];
  const node = {
    op: "MultiHeadAttention",
    domain: "com.microsoft",
    inputs: ["q", "k", "v"],
    attributes: { num_heads: heads },
  };
  const session = await ort.InferenceSession.create(oneNodeModel(node, dims), {
    executionProviders: ["webgpu"],
    preferredOutputLocation: "gpu-buffer",
  });
  const device = (await ort.env.webgpu.device) as GPUDevice;
  const size = 4 * tokens * heads * headDim;
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
  const values = Float32Array.from({ length: size / 4 }, () => Math.random() - 0.5);
  const buffers = [0, 1, 2, 3].map(() => device.createBuffer({ size, usage }));
  for (const buffer of buffers) device.queue.writeBuffer(buffer, 0, values);
  const feeds = Object.fromEntries(
    ["q", "k", "v"].map((name, i) => [name, ort.Tensor.fromGpuBuffer(buffers[i], { dataType: "float32", dims })]),
  );
  const onnxruntimeMs = await best(runs, device, async () => {
    for (const tensor of Object.values(await session.run(feeds))) tensor.dispose();
  });

  const backend = await webgpu.create({ device });
  const shape = [1, heads, tokens, headDim];
  const [query, key, value, output] = buffers.map((buffer) => backend.wrap(buffer, { dtype: "f32", shape }));
  const ours = async (dense: boolean) => {
    const policy = topBlocks({ dropRate: 0.8 });
    const attention = await createAttention(backend, { heads, headDim, visualTokens: tokens, dense, policy });
    const ms = await best(runs, device, async () => {
      const encoder = device.createCommandEncoder();
      attention.encode(encoder, { query, key, value, output });
      device.queue.submit([encoder.finish()]);
    });
    attention.dispose();
    return ms;
  };
  return { device: backend.device.label, onnxruntimeMs, denseMs: await ours(true), sparseMs: await ours(false) };
}

Object.assign(globalThis, { compare });
