import { readFileSync } from "node:fs";
import { type AttentionSpec, createAttention, topBlocks } from "@spaattn/attention";
import { HostTensor, isSpaAttnError } from "@spaattn/core";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { cuda } from "../src/index.js";
import { Argument } from "../src/params.js";
import { buildStub, missingForStub, type Stub } from "./stub/stub.js";

const missing = missingForStub();
if (missing) console.warn(`SKIPPED backend-cuda against the stub driver: ${missing}`);

const base: AttentionSpec = {
  heads: 3,
  headDim: 128,
  visualTokens: 1000,
  textTokens: 77,
  dtype: "bf16",
  policy: topBlocks({ dropRate: 0.5 }),
};
const shape = [1, 3, 1077, 128];
const host = () => new HostTensor("bf16", shape);
const launches = (log: string) => log.split("\n").filter((line) => line.startsWith("launch "));
const names = (log: string) => launches(log).map((line) => line.split(" ")[1]);

describe.skipIf(missing !== undefined)("the binding, against a recording driver built from cuda.h", () => {
  let stub: Stub;
  beforeAll(() => {
    stub = buildStub();
  });
  beforeEach(() => stub.reset());

  const open = () => cuda.create({ library: stub.path });
  const once = async (spec: AttentionSpec, fused = true) => {
    const backend = await open();
    const attention = await createAttention(backend, spec, { fused });
    const result = await attention.run({ query: host(), key: host(), value: host() });
    return { backend, attention, result };
  };

  it("launches every kernel of the paper's method, in order", async () => {
    const { backend, result } = await once({ ...base, rectify: "paper" });
    expect(names(stub.log())).toEqual([
      "pool_bf16_d128",
      "paper_logits_gain_d128",
      "text_logits_bf16_d128",
      "paper_select",
      "compensation_d128",
      "attend90_bf16_d128",
    ]);
    expect(result.report.steps.map(({ op }) => op)).toEqual(["pool", "estimate", "attend"]);
    const attend = launches(stub.log()).at(-1);
    // 3 heads of 8 query blocks and one text block; one query tile, three stages of keys and values, their bias rows.
    expect(attend).toContain(`grid=27,1,1 block=384,1,1 shared=${7 * 32768 + 3 * 512 + 13 * 8}`);
    backend.dispose();
  });

  it("describes tensors to the copy engine with strides in bytes", async () => {
    const { backend } = await once({ ...base, rectify: "none" });
    expect(stub.log()).toContain("dims=128,1077,3 strides=256,275712 box=64,128,1 steps=1,1,1 0 3 2 0");
    backend.dispose();
  });

  it.each(["local", "eigen", "contiguous"] as const)("launches tail mode with strata %s", async (strata) => {
    const { backend } = await once({ ...base, rectify: "tail", tail: { strata } });
    const got = names(stub.log());
    expect(got.includes("eigen_directions_d128")).toBe(strata === "eigen");
    for (const kernel of ["anchor", "query_spread", "summarize_bf16_d128", "tail_logits_bf16_d128", "tail_select"])
      expect(got).toContain(kernel);
    expect(got.at(-1)).toBe("attend90_bf16_d128");
    backend.dispose();
  });

  it.each([80, 86, 89, 100, 120])("uses the general kernel on compute capability %i", async (capability) => {
    stub.configure(13000, capability, 1);
    const { backend, attention } = await once({ ...base, rectify: "tail" });
    expect(names(stub.log()).at(-1)).toBe("attend80_bf16_d128");
    expect(attention.describe().at(-1)?.kernel).toBe("attend-sm80");
    backend.dispose();
  });

  it("passes parameter structs of the size the kernels were compiled with", async () => {
    const manifest = JSON.parse(readFileSync(new URL("../fatbins/manifest.json", import.meta.url), "utf8"));
    const sizes = new Map<string, number>();
    for (const { entries } of Object.values<{ entries: Record<string, Record<string, { parameterBytes?: number }>> }>(
      manifest.modules,
    ))
      for (const [name, targets] of Object.entries(entries))
        if (targets.sm_80?.parameterBytes !== undefined) sizes.set(name, targets.sm_80.parameterBytes);
    stub.configure(13000, 80, 1);
    const backend = await open();
    const seen = new Map<string, number>();
    const launch = backend.device.launch.bind(backend.device);
    backend.device.launch = (stream, what) => {
      seen.set(
        what.kernel,
        what.parameters.reduce((sum, each) => sum + (each instanceof Argument ? each.length : 128), 0),
      );
      launch(stream, what);
    };
    for (const rectify of ["paper", "tail"] as const)
      for (const fused of [true, false]) {
        const spec: AttentionSpec = { ...base, rectify, ...(rectify === "tail" ? { tail: { strata: "eigen" } } : {}) };
        const attention = await createAttention(backend, spec, { fused });
        await attention.run({ query: host(), key: host(), value: host() });
      }
    const a = backend.upload(host());
    backend.elementwise.add(a, a, a);
    await backend.elementwise.meanAbsolute(a);
    expect(seen.size).toBeGreaterThan(18);
    for (const [kernel, bytes] of seen)
      expect([kernel, bytes]).toEqual([kernel, Math.ceil((sizes.get(kernel) ?? -1) / 8) * 8]);
    backend.dispose();
  });

  it("works on a few heads at a time when workspace would grow beyond its share", async () => {
    const backend = await open();
    const spec = { ...base, heads: 24, visualTokens: 90_000, textTokens: 0, rectify: "tail" } as const;
    const attention = await createAttention(backend, spec);
    const { program } = attention as unknown as { program: { workspaceBytes: number } };
    expect(program.workspaceBytes).toBeLessThan(0.07 * 4 * 24 * 90_000 * 128 * 2);
    expect(attention.describe()[0].reason).toContain("heads at a time");
    backend.dispose();
  });

  it("records on the caller's stream without waiting", async () => {
    const backend = await open();
    const attention = await createAttention(backend, base);
    const [query, key, value] = [0, 1, 2].map(() => backend.upload(host()));
    const output = backend.allocate("bf16", shape);
    stub.fail("cuEventQuery", 1, 0);
    stub.fail("cuStreamSynchronize", 1, 0);
    attention.encode(0xabcn, { query, key, value, output });
    expect(launches(stub.log()).every((line) => line.endsWith("stream=abc"))).toBe(true);
    expect(() => attention.encode({}, { query, key, value, output })).toThrow(TypeError);
    stub.reset();
    backend.dispose();
  });

  it("gives back all memory and all handles", async () => {
    for (const rectify of ["none", "paper", "tail"] as const)
      for (const fused of [true, false]) {
        const { backend, attention, result } = await once({ ...base, rectify, extras: ["lse", "mask"] }, fused);
        for (const tensor of Object.values(result.tensors)) tensor.dispose();
        attention.dispose();
        attention.dispose();
        backend.dispose();
        backend.dispose();
        expect([stub.liveBytes(), stub.liveHandles()]).toEqual([0, 0]);
      }
  });

  it("reads back what was uploaded", async () => {
    const backend = await open();
    const values = Float32Array.from({ length: 5000 }, (_, i) => i);
    const tensor = backend.upload(new HostTensor("f32", [5000], values));
    const wrapped = backend.wrap(tensor.pointer, "f32", [5000]);
    expect((await wrapped.read()).data).toEqual(values);
    wrapped.dispose();
    expect((await tensor.read()).data).toEqual(values);
    tensor.dispose();
    await expect(tensor.read()).rejects.toSatisfy((error) => isSpaAttnError(error, "Disposed"));
    expect(() => backend.wrap(16n, "f32", [4])).toThrow(TypeError);
    expect(() => backend.wrap(tensor.device.stream + 1n, "f32", [4])).toThrow(RangeError);
    backend.dispose();
  });

  it("turns the driver's statuses into typed errors", async () => {
    const code = async (body: () => unknown) => {
      try {
        await body();
      } catch (error) {
        return isSpaAttnError(error) ? error.code : String(error);
      }
      return "nothing";
    };
    const backend = await open();
    stub.fail("cuMemAlloc_v2", 2, 0);
    expect(await code(() => backend.allocate("f32", [1000]))).toBe("OutOfMemory");
    stub.fail("cuLaunchKernel", 719, 0);
    const attention = await createAttention(await open(), base);
    expect(await code(() => attention.run({ query: host(), key: host(), value: host() }))).toBe("DeviceLost");
    stub.reset();
    stub.configure(12040, 90, 1);
    expect(await code(open)).toBe("BackendUnavailable");
    stub.configure(13000, 75, 1);
    expect(await code(open)).toBe("BackendUnavailable");
    stub.configure(13000, 90, 0);
    expect(await code(open)).toBe("BackendUnavailable");
    expect(await code(() => cuda.create({ library: "libcuda-missing.so" }))).toBe("BackendUnavailable");
    stub.reset();
    expect(await code(() => createAttention(backend, { ...base, scale: -1 }))).toBe("Unsupported");
    expect(await code(() => createAttention(backend, { ...base, blockSize: 64 }))).toBe("Unsupported");
    const tail = { strataPerBlock: 32 };
    expect(await code(() => createAttention(backend, { ...base, rectify: "tail", tail }))).toBe("Unsupported");
    backend.dispose();
    expect(await code(() => backend.allocate("f32", [4]))).toBe("Disposed");
  });

  it("names the call that lost the device, and can still be disposed", async () => {
    const backend = await open();
    const tensor = backend.upload(host());
    stub.fail("cuMemcpyDtoHAsync_v2", 719, 0);
    await expect(tensor.read()).rejects.toMatchObject({ code: "DeviceLost", call: "cuMemcpyDtoHAsync_v2" });
    stub.fail("cuStreamSynchronize", 719, 0);
    backend.dispose();
    await expect(tensor.read()).rejects.toMatchObject({ code: "Disposed" });
    stub.reset();
  });

  it("frees idle memory and tries again before it gives up", async () => {
    const backend = await open();
    backend.allocate("f32", [1 << 20]).dispose();
    expect(backend.memory).toEqual({ inUse: 0, held: 4 << 20 });
    stub.fail("cuMemAlloc_v2", 2, 0);
    expect(() => backend.allocate("f32", [1 << 21])).toThrow(/f32 tensor \[2097152\] of 8 MB/);
    expect(backend.memory).toEqual({ inUse: 0, held: 0 });
    stub.reset();
    backend.dispose();
  });

  it("cancels between chunks", async () => {
    const backend = await open();
    const attention = await createAttention(backend, base);
    const controller = new AbortController();
    controller.abort();
    const run = attention.run({ query: host(), key: host(), value: host() }, { signal: controller.signal });
    await expect(run).rejects.toSatisfy((error) => isSpaAttnError(error, "Aborted"));
    backend.dispose();
  });
});
