import { allocateHeld, compilePlan, createAttention, dispatch, topBlocks } from "@spaattn/attention";
import { HostTensor } from "@spaattn/core";
import { afterAll, expect, it } from "vitest";
import { noise } from "./noise.js";
import { available, closeAll, open } from "./support.js";

afterAll(closeAll);

it.skipIf(!available)(
  "records single primitives into the caller's encoder, and keeps no memory of its own for them",
  async () => {
    const backend = await open();
    const spec = {
      heads: 1,
      headDim: 64,
      visualTokens: 256,
      blockSize: 64,
      rectify: "tail",
      policy: topBlocks({ dropRate: 0.5 }),
    } as const;
    const shape = [1, 1, 256, 64];
    const tensor = (seed: number) => backend.upload(new HostTensor("f32", shape, noise(256 * 64, seed)));
    const io = { query: tensor(1), key: tensor(2), value: tensor(3), output: backend.allocate("f32", shape) };
    const attention = await createAttention(backend, spec);
    await attention.run(io);
    const expected = (await io.output.read()).toFloat32();
    attention.dispose();

    const plan = compilePlan(spec, { accumulate: "f32", maskAsInput: false });
    const held = allocateHeld(backend, plan);
    const before = { live: backend.device.memory.live, bytes: backend.device.memory.bytes };
    const encoder = backend.gpuDevice.createCommandEncoder();
    encoder.clearBuffer(io.output.buffer);
    for (const planned of plan.steps)
      await dispatch(backend, planned, { ...held, ...io }, { geometry: plan.geometry, target: encoder });
    expect(backend.device.memory).toMatchObject(before);

    // The commands still have what they refer to.
    backend.gpuDevice.queue.submit([encoder.finish()]);
    expect((await io.output.read()).toFloat32()).toEqual(expected);
    for (const own of [...Object.values(held), ...Object.values(io)]) own.dispose();
    expect(backend.device.memory.live).toBe(0);
  },
  120_000,
);
