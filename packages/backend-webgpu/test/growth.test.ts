import { createAttention, topBlocks } from "@spaattn/attention";
import { HostTensor } from "@spaattn/core";
import { afterAll, expect, it } from "vitest";
import { noise } from "./noise.js";
import { available, closeAll, open } from "./support.js";

afterAll(closeAll);

it.skipIf(!available)(
  "creates no buffer, pipeline or bind group that stays, over 1,000 runs",
  async () => {
    const backend = await open({ withoutFeatures: ["timestamp-query"] });
    const device = backend.gpuDevice;
    const spec = { heads: 1, headDim: 64, visualTokens: 128, blockSize: 64, policy: topBlocks({ dropRate: 0.5 }) };
    const attention = await createAttention(backend, { ...spec, rectify: "paper" });
    const tensor = () => backend.upload(new HostTensor("f32", [1, 1, 128, 64], noise(128 * 64)));
    const io = { query: tensor(), key: tensor(), value: tensor(), output: tensor() };
    await attention.run(io);
    // The first recording allocates memory of its own.
    attention.encode(device.createCommandEncoder(), io);

    let created = 0;
    for (const name of [
      "createBuffer",
      "createComputePipelineAsync",
      "createBindGroup",
      "createShaderModule",
    ] as const) {
      const original = device[name].bind(device) as (...args: unknown[]) => unknown;
      Object.defineProperty(device, name, {
        configurable: true,
        value: (...args: unknown[]) => {
          created++;
          return original(...args);
        },
      });
    }
    const { live, bytes } = backend.device.memory;
    const pipelines = backend.device.pipelines.size;
    for (let run = 0; run < 500; run++) await attention.run(io);
    for (let run = 0; run < 500; run++) {
      const encoder = device.createCommandEncoder();
      attention.encode(encoder, io);
      device.queue.submit([encoder.finish()]);
    }
    await device.queue.onSubmittedWorkDone();
    expect(created).toBe(0);
    expect(backend.device.memory).toMatchObject({ live, bytes });
    expect(backend.device.pipelines.size).toBe(pipelines);
  },
  240_000,
);
