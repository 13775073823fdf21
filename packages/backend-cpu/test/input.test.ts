import { type AttentionSpec, createAttention, makeGeometry } from "@spaattn/attention";
import { cpu } from "@spaattn/backend-cpu";
import { HostTensor } from "@spaattn/core";
import { afterEach, describe, expect, it, vi } from "vitest";

const SPEC: AttentionSpec = { heads: 1, headDim: 64, visualTokens: 300, blockSize: 64 };

function ones(shape: readonly number[], value = 1): HostTensor<"f32"> {
  const tensor = new HostTensor("f32", shape);
  for (let i = 0; i < tensor.data.length; i++) tensor.data[i] = value * Math.sin(i);
  return tensor;
}

const io = (tokens = 300) => {
  const shape = [1, 1, tokens, 64];
  return { query: ones(shape), key: ones(shape, 0.7), value: ones(shape, 0.5) };
};

describe("inputs", () => {
  const kernel = "simd";
  const attention = async (spec: AttentionSpec = SPEC) =>
    createAttention(await cpu.create({ kernel, threads: 1 }), spec);

  it("must have the shape of the spec", async () => {
    const run = (await attention()).run({ ...io(), key: ones([1, 1, 299, 64]) });
    await expect(run).rejects.toThrow(new RangeError("io.key must have shape [1, 1, 300, 64], got [1, 1, 299, 64]"));
  });

  it("must still own their memory", async () => {
    const tensors = io();
    structuredClone(tensors.key.data.buffer, { transfer: [tensors.key.data.buffer as ArrayBuffer] });
    await expect((await attention()).run(tensors)).rejects.toThrow(/key has lost its memory.*detached/);
  });

  it.each(["none", "paper", "tail"] as const)("may have no text, or text that is not valid (%s)", async (rectify) => {
    const plain = await (await attention({ ...SPEC, rectify })).run(io());
    const spec = { ...SPEC, rectify, textTokens: 20, textValid: 0 };
    const padded = io(320);
    for (const name of ["query", "key", "value"] as const) padded[name].data.set(io()[name].data);
    const { output } = await (await attention(spec)).run(padded);
    const got = (await output.read()).toFloat32();
    const expected = (await plain.output.read()).toFloat32();
    expect(got.subarray(0, expected.length).findIndex((x, i) => Math.abs(x - expected[i]) > 1e-6)).toBe(-1);
    expect(got.subarray(expected.length).every((x) => x === 0)).toBe(true);
  });

  it("spread NaN to the rows that attend to it, and no further", async () => {
    const tensors = io();
    tensors.value.data[5 * 64 + 3] = Number.NaN;
    const { output } = await (await attention({ ...SPEC, dense: true })).run(tensors);
    const got = (await output.read()).toFloat32();
    for (let row = 0; row < 300; row++)
      for (let x = 0; x < 64; x++) expect(Number.isNaN(got[row * 64 + x])).toBe(x === 3);
  });

  it("make the rows of an infinite query NaN, and leave the others alone", async () => {
    const tensors = io();
    tensors.query.data[7 * 64] = Number.POSITIVE_INFINITY;
    const { output } = await (await attention({ ...SPEC, dense: true })).run(tensors);
    const got = (await output.read()).toFloat32();
    for (let row = 0; row < 300; row++) expect(Number.isNaN(got[row * 64])).toBe(row === 7);
  });

  it.each(["paper", "tail"] as const)(
    "end a run with a mask of the right size even when all are NaN (%s)",
    async (rectify) => {
      const tensors = io();
      for (const tensor of Object.values(tensors)) tensor.data.fill(Number.NaN);
      const { tensors: out } = await (await attention({ ...SPEC, rectify, extras: ["mask"] })).run(tensors);
      const counts = (await out.counts.read()).data as Int32Array;
      expect([...counts].every((count) => count >= 0 && count <= 5)).toBe(true);
    },
  );

  it("are checked by the primitives as well", async () => {
    const backend = await cpu.create({ kernel, threads: 1 });
    const geometry = makeGeometry({ batch: 1, heads: 1, headDim: 64, visualTokens: 300, blockSize: 64 });
    const step = { op: "pool", padding: "valid", group: 5 } as const;
    const wrong = { queryMean: new HostTensor("f32", [1, 1, 4, 64]) };
    await expect(backend.pool(step, io(), wrong, { geometry })).rejects.toThrow(
      new RangeError("outputs.queryMean must have shape [1, 1, 5, 64], got [1, 1, 4, 64]"),
    );
  });
});

describe("options", () => {
  it.each([
    [{ threads: 0 }, /options.threads/],
    [{ memoryLimit: -1 }, /options.memoryLimit/],
    [{ kernel: "fast" as never }, /options.kernel .*got "fast"/],
    [{ thread: 2 } as never, /options.thread is not known; options has threads/],
    [{ threads: "2" } as never, /options.threads .*got "2"/],
    [{ memoryLimit: "1e9" } as never, /options.memoryLimit .*got "1e9"/],
    [{ sharedMemory: "no" } as never, /options.sharedMemory must be true or false/],
    [null as never, /options must be an object, got null/],
  ])("%o are refused", async (options, message) => {
    await expect(cpu.create(options)).rejects.toThrow(message);
  });

  it("name a kernel the engine has not", async () => {
    if (Number(process.versions.node.split(".")[0]) >= 22) return;
    await expect(cpu.create({ kernel: "relaxed" })).rejects.toMatchObject({ code: "BackendUnavailable" });
  });
});

describe("a page whose policy forbids WebAssembly", () => {
  afterEach(() => vi.restoreAllMocks());
  const forbid = () => {
    vi.resetModules();
    vi.spyOn(WebAssembly, "compile").mockRejectedValue(
      new WebAssembly.CompileError("blocked by content security policy"),
    );
    return import("@spaattn/backend-cpu");
  };

  it("is told that the backend is missing, and what to allow", async () => {
    const { cpu } = await forbid();
    expect(await cpu.probe()).toMatchObject({
      available: false,
      reason: expect.stringContaining("blocked by content security policy"),
      remedy: expect.stringContaining("wasm-unsafe-eval"),
    });
  });

  it("gets an error with a code where it asked for the kernels by name", async () => {
    const { cpu } = await forbid();
    await expect(cpu.create({ kernel: "simd" })).rejects.toMatchObject({
      code: "BackendUnavailable",
      remedy: expect.stringContaining("wasm-unsafe-eval"),
    });
  });
});
