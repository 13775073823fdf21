// Bundled and run in a page by browser.test.ts: the "check this GPU" of a page, on the tests' terms.

import { createAttention, topBlocks } from "@spaattn/attention";
import { webgpu } from "@spaattn/backend-webgpu";
import { HostTensor } from "@spaattn/core";
import { reference } from "@spaattn/reference";
import * as ort from "onnxruntime-web/webgpu";
import { oneNodeModel } from "../bench/onnx.js";
import { noise } from "./noise.js";
import { type SuiteOptions, suite } from "./suite.js";

async function check(options: SuiteOptions) {
  const backend = await webgpu.create();
  const fetchBytes = async (name: string) => new Uint8Array(await (await fetch(`/golden/${name}`)).arrayBuffer());
  const result = await suite(backend, { ...options, fetchBytes });
  const device = backend.device.label;
  backend.dispose();
  return { ...result, device };
}

/** One device for onnxruntime and us: its output buffer is our query, in our tensors, without a copy. */
async function shareWithOnnxruntime() {
  ort.env.wasm.wasmPaths = "/ort/";
  ort.env.wasm.numThreads = 1;
  const [heads, headDim, tokens] = [2, 64, 128];
  const shape = [1, heads, tokens, headDim];
  const count = heads * headDim * tokens;
  const session = await ort.InferenceSession.create(oneNodeModel({ op: "Add", inputs: ["x", "x"] }, shape), {
    executionProviders: ["webgpu"],
    preferredOutputLocation: "gpu-buffer",
  });
  const device = (await ort.env.webgpu.device) as GPUDevice;
  const input = noise(count, 5);
  const results = await session.run({ x: new ort.Tensor("float32", input, shape) });
  const theirs = results.y.gpuBuffer as GPUBuffer;
  const backend = await webgpu.create({ device });
  const spec = {
    heads,
    headDim,
    visualTokens: tokens,
    blockSize: 64,
    rectify: "tail",
    policy: topBlocks({ dropRate: 0.5 }),
  } as const;
  const attention = await createAttention(backend, spec);
  const query = backend.wrap(theirs, { dtype: "f32", shape });
  const other = new HostTensor("f32", shape, noise(count, 6));
  const key = backend.upload(other);
  const { output } = await attention.run({ query, key, value: key });
  const got = (await output.read()).toFloat32();
  const oracle = await createAttention(await reference.create(), spec);
  const doubled = new HostTensor(
    "f32",
    shape,
    input.map((x) => x + x),
  );
  const expected = (await (await oracle.run({ query: doubled, key: other, value: other })).output.read()).toFloat32();
  return { maxError: Math.max(...got.map((x, i) => Math.abs(x - expected[i]))) };
}

Object.assign(globalThis, { check, shareWithOnnxruntime });
