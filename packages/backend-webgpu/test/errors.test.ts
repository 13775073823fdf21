import { createAttention } from "@spaattn/attention";
import type { WebGpuBackend } from "@spaattn/backend-webgpu";
import { webgpu } from "@spaattn/backend-webgpu";
import { HostTensor } from "@spaattn/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { available, closeAll, open } from "./support.js";

afterAll(closeAll);

const spec = { heads: 1, headDim: 64, visualTokens: 128, blockSize: 64, dense: true } as const;
const shape = [1, 1, 128, 64];

describe.skipIf(!available)("errors", () => {
  let backend: WebGpuBackend;
  beforeAll(async () => {
    backend = await open();
  });
  const buffer = (size: number, usage: number) => backend.gpuDevice.createBuffer({ size, usage });

  it("names what is wrong with a wrapped buffer", () => {
    const { STORAGE, COPY_DST } = GPUBufferUsage;
    const wrap = (size: number, usage: number, offset = 0) =>
      backend.wrap(buffer(size, usage), { dtype: "f32", shape, offset });
    expect(() => wrap(32_768, COPY_DST)).toThrow(/buffer\.usage must include STORAGE/);
    expect(() => wrap(65_536, STORAGE, 100)).toThrow(/offset must be a multiple of 256/);
    expect(() => wrap(32_768, STORAGE, 256)).toThrow(
      /buffer is too small: f32 \[1, 1, 128, 64\] at offset 256 needs 33024/,
    );
    expect(() => backend.wrap(buffer(1024, STORAGE), { dtype: "f64x" as never, shape })).toThrow(/dtype/);
    expect(() => backend.wrap(buffer(1024, STORAGE), { dtype: "f32", shape: [0] })).toThrow(/shape\[0\]/);
  });

  it("refuses to read a wrapped buffer that cannot be copied", async () => {
    const tensor = backend.wrap(buffer(32_768, GPUBufferUsage.STORAGE), { dtype: "f32", shape });
    await expect(tensor.read()).rejects.toThrow(/COPY_SRC/);
  });

  it("names the tensors that share a buffer, and the one that is missing", async () => {
    const attention = await createAttention(backend, spec);
    const shared = buffer(131_072, GPUBufferUsage.STORAGE);
    const at = (i: number) => backend.wrap(shared, { dtype: "f32", shape, offset: 32_768 * i });
    const encoder = backend.gpuDevice.createCommandEncoder();
    const io = { query: at(0), key: at(1), value: at(2), output: at(3) };
    expect(() => attention.encode(encoder, io)).toThrow(/io\.output must not share its GPUBuffer with io\.query/);
    expect(() => attention.encode(encoder, { ...io, output: undefined })).toThrow(/io\.output is missing/);
    expect(() => attention.encode({}, { ...io, output: backend.allocate("f32", shape) })).toThrow(/target must be/);
    attention.dispose();
  }, 60_000);

  it("says which allocation is too large", () => {
    expect(() => backend.allocate("f32", [1 << 20, 1 << 20])).toThrow(
      expect.objectContaining({
        code: "OutOfMemory",
        message: expect.stringContaining("tensor f32 [1048576, 1048576]"),
      }),
    );
  });

  it("names the allocation that the device found no memory for, and keeps nothing of a program", async () => {
    const full = await open();
    const device = full.gpuDevice;
    const scopes: string[] = [];
    const push = device.pushErrorScope.bind(device);
    const pop = device.popErrorScope.bind(device);
    Object.defineProperties(device, {
      pushErrorScope: {
        value: (filter: GPUErrorFilter) => {
          scopes.push(filter);
          push(filter);
        },
      },
      // The third allocation fails: devices say so only here.
      popErrorScope: {
        value: async () => {
          const memory = scopes.at(-1) === "out-of-memory";
          const count = scopes.filter((filter) => filter === "out-of-memory").length;
          const error = await pop();
          return memory && count === 3 ? ({ message: "device memory is exhausted" } as GPUError) : error;
        },
      },
    });
    const sparse = { ...spec, dense: false, rectify: "tail" } as const;
    await expect(createAttention(full, sparse)).rejects.toMatchObject({
      code: "OutOfMemory",
      message: expect.stringMatching(/No memory for .+ \(\d+ bytes\): device memory is exhausted/),
    });
    expect(full.device.memory.live).toBe(0);
  }, 60_000);

  it("rejects a nonsensical budget", async () => {
    await expect(webgpu.create({ maxDispatchFlops: 0 })).rejects.toThrow(/maxDispatchFlops/);
  });

  it("cancels a run", async () => {
    const attention = await createAttention(backend, spec);
    const tensor = new HostTensor("f32", shape);
    const signal = AbortSignal.abort();
    await expect(attention.run({ query: tensor, key: tensor, value: tensor }, { signal })).rejects.toMatchObject({
      code: "Aborted",
    });
    attention.dispose();
  }, 60_000);

  it("reports a device that is lost in the middle of a run", async () => {
    const lost = await open({ maxDispatchFlops: 1e6 });
    const attention = await createAttention(lost, spec);
    const tensor = lost.upload(new HostTensor("f32", shape));
    let pieces = 0;
    const onProgress = () => {
      if (++pieces === 2) lost.gpuDevice.destroy();
    };
    await expect(attention.run({ query: tensor, key: tensor, value: tensor }, { onProgress })).rejects.toMatchObject({
      code: "DeviceLost",
    });
    expect(() => lost.allocate("f32", [1])).toThrow(expect.objectContaining({ code: "DeviceLost" }));
    await expect(tensor.read()).rejects.toMatchObject({ code: "DeviceLost" });
    await expect(webgpu.create({ device: lost.gpuDevice })).rejects.toMatchObject({ code: "DeviceLost" });
  }, 60_000);
});
