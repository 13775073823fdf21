import { createAttention, topBlocks } from "@spaattn/attention";
import { requiredFeatures, requiredLimits } from "@spaattn/backend-webgpu";
import { HostTensor } from "@spaattn/core";
import { afterAll, describe, expect, it } from "vitest";
import { noise } from "./noise.js";
import { suite } from "./suite.js";
import { available, closeAll, open } from "./support.js";

afterAll(closeAll);

describe("what to ask an adapter for", () => {
  const limits = {
    maxBufferSize: 2 ** 32,
    maxStorageBufferBindingSize: 2 ** 31,
    maxComputeWorkgroupStorageSize: 65_536,
    maxStorageBuffersPerShaderStage: 16,
  } as unknown as GPUSupportedLimits;

  it("takes the features that help, of those there are", () => {
    const features = new Set(["shader-f16", "timestamp-query", "texture-compression-bc"]);
    expect(requiredFeatures({ features } as never)).toEqual(["shader-f16", "timestamp-query"]);
    features.add("subgroups").add("chromium-experimental-subgroup-matrix");
    expect(requiredFeatures({ features } as never)).toEqual([
      "shader-f16",
      "timestamp-query",
      "subgroups",
      "chromium-experimental-subgroup-matrix",
    ]);
  });

  it("grows with the spec and stays within the adapter", () => {
    const small = requiredLimits({ limits }, { heads: 1, headDim: 64, visualTokens: 512 });
    expect(small.maxBufferSize).toBe(268_435_456);
    const large = requiredLimits({ limits }, { heads: 24, headDim: 128, visualTokens: 115_200, dense: true });
    expect(large.maxBufferSize).toBe(24 * 128 * 115_200 * 4);
    expect(large.maxStorageBufferBindingSize).toBe(24 * 128 * 115_200 * 4);
    expect(requiredLimits({ limits }).maxBufferSize).toBe(2 ** 32);
  });
});

describe.skipIf(!available)("on a limited device", () => {
  it("works with the default limits and without optional features", async () => {
    const backend = await open({
      defaultLimits: true,
      withoutFeatures: ["shader-f16", "subgroups", "timestamp-query"],
    });
    expect(backend.device.hasF16).toBe(false);
    const { failures } = await suite(backend, { dtypes: ["f32", "f16"], cases: ["ragged, with text, tail"] });
    expect(failures).toEqual([]);
  }, 240_000);

  it("says which kernel it took for half floats, and why no faster one", async () => {
    const backend = await open({ withoutFeatures: ["chromium-experimental-subgroup-matrix"] });
    const kernelOf = async (dtype: "f32" | "f16", headDim: number) => {
      const attention = await createAttention(backend, { heads: 1, headDim, visualTokens: 128, dtype, dense: true });
      const { kernel, reason } = attention.describe().find(({ op }) => op === "attend")!;
      attention.dispose();
      return `${kernel}: ${reason}`;
    };
    const why =
      /no subgroup matrices: the device was made without (shader-f16|subgroups|chromium-experimental-subgroup-matrix)$/;
    expect(await kernelOf("f16", 64)).toMatch(/^attend\.tile: register tiles/);
    expect(await kernelOf("f16", 64)).toMatch(why);
    expect(await kernelOf("f16", 40)).toMatch(/^attend\.row: one row per invocation: headDim 40/);
    expect(await kernelOf("f32", 64)).toMatch(/no subgroup matrices: they multiply half floats only, not f32$/);
  }, 120_000);

  it("gives the same in windows of heads and in pieces as at once", async () => {
    const spec = {
      heads: 6,
      headDim: 64,
      visualTokens: 300,
      textTokens: 9,
      blockSize: 64,
      policy: topBlocks({ dropRate: 0.5 }),
    } as const;
    const inputs = ["query", "key", "value"].map((name, i) => {
      return [name, new HostTensor("f32", [1, 6, 309, 64], noise(6 * 309 * 64, i + 1))];
    });
    const io = Object.fromEntries(inputs);
    const results: Float32Array[] = [];
    for (const narrow of [false, true]) {
      // Pieces of a few query tiles; and, since devices have no less than 128 MiB, a device that says it has less.
      const backend = await open(narrow ? { maxDispatchFlops: 2e7 } : {});
      if (narrow) {
        const { limits } = backend.device;
        const less = new Proxy(limits, {
          get: (target, name) => (name === "maxStorageBufferBindingSize" ? 200_000 : Reflect.get(target, name, target)),
        });
        Object.defineProperty(backend.device, "limits", { value: less });
      }
      for (const rectify of ["tail", "paper"] as const) {
        const attention = await createAttention(backend, { ...spec, rectify });
        const { output } = await attention.run(io);
        results.push((await output.read()).toFloat32());
        output.dispose();
        attention.dispose();
      }
    }
    expect(results[2]).toEqual(results[0]);
    expect(results[3]).toEqual(results[1]);
  }, 240_000);
});
