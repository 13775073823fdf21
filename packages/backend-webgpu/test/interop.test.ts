import { type AttentionSpec, createAttention, topBlocks } from "@spaattn/attention";
import { HostTensor } from "@spaattn/core";
import { reference } from "@spaattn/reference";
import { afterAll, expect, it } from "vitest";
import { noise } from "./noise.js";
import { available, closeAll, open } from "./support.js";

afterAll(closeAll);

const spec: AttentionSpec = {
  heads: 2,
  headDim: 64,
  visualTokens: 400,
  textTokens: 20,
  blockSize: 64,
  policy: topBlocks({ dropRate: 0.5 }),
  rectify: "tail",
};
const SHAPE = [1, 2, 420, 64];
const COUNT = 2 * 420 * 64;

/** A kernel of the caller's own: multiplies a buffer by two, in place. */
function doubler(device: GPUDevice) {
  const code = `@group(0) @binding(0) var<storage, read_write> x: array<f32>;
    @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
      if (id.x < arrayLength(&x)) { x[id.x] = 2.0 * x[id.x]; } }`;
  const pipeline = device.createComputePipeline({
    layout: "auto",
    compute: { module: device.createShaderModule({ code }) },
  });
  return (pass: GPUComputePassEncoder, buffer: GPUBuffer, offset: number) => {
    const entries = [{ binding: 0, resource: { buffer, offset, size: 4 * COUNT } }];
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
    pass.dispatchWorkgroups(Math.ceil(COUNT / 64));
  };
}

it.skipIf(!available).each(["encoder", "pass"])(
  "records into the caller's %s, between its own work",
  async (target) => {
    const device = (await open()).gpuDevice;
    const backend = await open({ device });
    const attention = await createAttention(backend, spec);
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const [query, key, value] = [1, 2, 3].map((seed) => noise(COUNT, seed));
    // Query, key and value lie behind each other in one buffer of the caller's.
    const stride = Math.ceil((4 * COUNT) / 256) * 256;
    const inputs = device.createBuffer({ size: 3 * stride, usage });
    [query, key, value].forEach((data, i) => void device.queue.writeBuffer(inputs, i * stride, data));
    const outputs = device.createBuffer({ size: 256 + 4 * COUNT, usage });
    const at = (i: number) => backend.wrap(inputs, { dtype: "f32", shape: SHAPE, offset: i * stride });
    const output = backend.wrap(outputs, { dtype: "f32", shape: SHAPE, offset: 256 });

    const double = doubler(device);
    const encoder = device.createCommandEncoder();
    const io = { query: at(0), key: at(1), value: at(2), output };
    if (target === "pass") {
      const pass = encoder.beginComputePass();
      double(pass, inputs, 0);
      attention.encode(pass, io);
      double(pass, outputs, 256);
      pass.end();
    } else {
      const before = encoder.beginComputePass();
      double(before, inputs, 0);
      before.end();
      attention.encode(encoder, io);
      const after = encoder.beginComputePass();
      double(after, outputs, 256);
      after.end();
    }
    device.queue.submit([encoder.finish()]);
    const got = (await output.read()).toFloat32();

    const oracle = await createAttention(await reference.create(), spec);
    const host = (data: Float32Array) => new HostTensor("f32", SHAPE, data);
    const run = await oracle.run({ query: host(query.map((x) => 2 * x)), key: host(key), value: host(value) });
    const expected = (await run.output.read()).toFloat32();
    expect(Math.max(...got.map((x, i) => Math.abs(x - 2 * expected[i])))).toBeLessThan(1e-4);

    // Nothing of the caller's is freed.
    attention.dispose();
    backend.dispose();
    device.queue.writeBuffer(inputs, 0, query);
    device.pushErrorScope("validation");
    const again = device.createCommandEncoder();
    again.copyBufferToBuffer(inputs, 0, outputs, 256, 4 * COUNT);
    device.queue.submit([again.finish()]);
    expect(await device.popErrorScope()).toBeNull();
  },
  120_000,
);
