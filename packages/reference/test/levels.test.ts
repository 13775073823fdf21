import type { AttentionSpec } from "@spaattn/attention";
import { createAttention, topBlocks } from "@spaattn/attention";
import type { HostTensor } from "@spaattn/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { reference } from "../src/index.js";
import { distance, evaluate, relative, wave } from "./harness.js";

const base: AttentionSpec = { heads: 2, headDim: 8, blockSize: 64, visualTokens: 330, rectify: "levels" };
const inputs = (spec: AttentionSpec, seed: number) => ({
  query: wave(spec, seed, 2),
  key: wave(spec, seed + 0.3, 2),
  value: wave(spec, seed + 1.1),
});

describe("levels", () => {
  it("with one level, a budget per row, one anchor and moments alone are tail", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 65, max: 450 }),
        fc.constantFrom(0, 11),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(30),
        async (visualTokens, textTokens, dropRate, seed) => {
          const spec = { ...base, visualTokens, textTokens, policy: topBlocks({ dropRate }) };
          const io = inputs(spec, seed);
          const tail = await evaluate({ ...spec, rectify: "tail", extras: ["mask"] }, io);
          const levels = { levels: [2], depth: 2, scope: "row", probes: 0, clusters: 1, gamma: 0 } as const;
          const ours = await evaluate({ ...spec, levels, extras: ["mask"] }, io);
          expect(ours.mask).toEqual(tail.mask);
          expect(distance(ours.output, tail.output)).toBeLessThan(1e-6);
        },
      ),
      { numRuns: 12 },
    );
  });

  it("are dense with a budget of 1, with nothing dropped, and with leaves of one token", async () => {
    const spec = { ...base, textTokens: 20 };
    const dense = await evaluate({ ...spec, dense: true });
    for (const same of [
      { ...spec, levels: { budget: 1 } },
      { ...spec, policy: topBlocks({ dropRate: 0 }) },
      { ...spec, levels: { budget: 0.2, depth: 6, levels: [6] } },
    ])
      expect(distance((await evaluate(same)).output, dense.output)).toBeLessThan(1e-6);
  });

  it("come closer to dense with more budget, and beat one level at the same cost", async () => {
    const io = inputs(base, 4);
    const dense = await evaluate({ ...base, dense: true }, io);
    const error = async (levels: AttentionSpec["levels"]) =>
      relative((await evaluate({ ...base, ...(levels ? { levels } : {}) }, io)).output, dense.output);
    const errors = [await error({ budget: 0.25 }), await error({ budget: 0.4 }), await error({ budget: 0.7 })];
    expect(errors).toEqual([...errors].sort((a, b) => b - a));
    expect(errors[1]).toBeLessThan(await error({ budget: 0.4, levels: [2] }));
  });

  it("spend less for a larger tolerance", async () => {
    const exact = async (tolerance: number) =>
      (await evaluate({ ...base, levels: { tolerance: { relative: tolerance } }, extras: ["choice"] })).choice.reduce(
        (sum, x) => sum + (x === 255 ? 64 : 2 ** x),
        0,
      );
    const costs = await Promise.all([1e-8, 1e-5, 1e-2].map(exact));
    expect(costs).toEqual([...costs].sort((a, b) => b - a));
    expect(costs[2]).toBeLessThan(costs[0]);
  });

  it("use a choice again at the same site for as many runs as they were told", async () => {
    const spec = { ...base, visualTokens: 200, levels: { budget: 0.5, refresh: 2 }, extras: ["choice"] as const };
    const attention = await createAttention(await reference.create(), spec);
    const [first, second] = [inputs(spec, 1), inputs(spec, 9)];
    const choice = async (io: typeof first, site?: string) => {
      const { tensors } = await attention.run({ ...io }, site === undefined ? {} : { site });
      return [...(tensors.choice as HostTensor<"u8">).data];
    };
    const [one, other] = [await choice(first), await choice(second)];
    expect(one).not.toEqual(other);
    expect(await choice(first, "layer 1")).toEqual(one);
    expect(await choice(second, "layer 1")).toEqual(one);
    expect(await choice(second, "layer 2")).toEqual(other);
    expect(await choice(second, "layer 1")).toEqual(other);
    attention.dispose();
  });

  it("are refused by name where a backend has none", async () => {
    const honest = await reference.create();
    const { rectify: _, ...capabilities } = honest.capabilities;
    const narrow = Object.create(honest, { name: { value: "narrow" }, capabilities: { value: capabilities } });
    await expect(createAttention(narrow, base)).rejects.toMatchObject({
      code: "Unsupported",
      message: 'Backend "narrow" does not support rectify "levels" (it has none, paper, tail).',
    });
  });
});
