import { type AttentionSpec, always, hostPolicy, topBlocks } from "@spaattn/attention";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { distance, evaluate, spelledOut, wave, waves } from "./harness.js";

const spec: AttentionSpec = {
  batch: 2,
  heads: 2,
  headDim: 6,
  blockSize: 64,
  visualTokens: 150,
  textTokens: 9,
  textValid: [9, 4],
};
const valid = (item: number) => 150 + [9, 4][item];

describe("exact attention", () => {
  it("dense is softmax over the valid keys; rows of invalid text are zero", async () => {
    const io = waves(spec);
    const { output, lse } = await evaluate({ ...spec, dense: true, extras: ["lse"] }, io);
    const expected = spelledOut(spec, io, (item, row, key) => row < valid(item) && key < valid(item));
    expect(distance(output, expected)).toBeLessThan(1e-6);
    expect(output.subarray((3 * 159 + 154) * 6).every((x) => x === 0)).toBe(true);
    expect([...lse].filter((x) => x === Number.NEGATIVE_INFINITY)).toHaveLength(2 * 5);
  });

  it("without rectification is softmax over the blocks of the mask, text rows dense", async () => {
    const io = waves(spec);
    const { output, mask } = await evaluate(
      { ...spec, rectify: "none", policy: topBlocks({ dropRate: 0.5 }), extras: ["mask"] },
      io,
    );
    expect([...mask].reduce((a, b) => a + b, 0)).toBe(2 * 2 * 3 * 2);
    // The mask differs per head; check one head at a time.
    for (const head of [0, 1]) {
      const chosen = (item: number, row: number, key: number) =>
        mask[((item * 2 + head) * 3 + Math.floor(row / 64)) * 4 + Math.floor(key / 64)] === 1;
      const expected = spelledOut(spec, io, (item, row, key) => {
        if (row >= valid(item) || key >= valid(item)) return false;
        return row >= 150 || key >= 150 || chosen(item, row, key);
      });
      for (const item of [0, 1]) {
        const plane = (item * 2 + head) * 159 * 6;
        const part = (x: Float64Array) => x.subarray(plane, plane + 159 * 6);
        expect(distance(part(output), part(expected))).toBeLessThan(1e-6);
      }
    }
  });

  it("takes any head size, both block sizes and all dtypes", async () => {
    for (const blockSize of [64, 128])
      for (const dtype of ["f32", "f16", "bf16"] as const) {
        const own = { heads: 1, headDim: 5, visualTokens: 140, blockSize, dtype, dense: true };
        const io = waves(own);
        const half = { query: io.query.to(dtype), key: io.key.to(dtype), value: io.value.to(dtype) };
        const { output } = await evaluate(own, half);
        expect(
          distance(
            output,
            spelledOut(own, half, () => true),
          ),
        ).toBeLessThan(1e-6);
        const rounded = await evaluate({ ...own, outputDtype: dtype }, half);
        expect(distance(rounded.output, output)).toBeLessThan(dtype === "bf16" ? 2e-2 : 2e-3);
      }
  });

  it("selects text alone when nothing else is asked for", async () => {
    const io = waves(spec);
    const { output } = await evaluate({ ...spec, rectify: "none", policy: always([]) }, io);
    const expected = spelledOut(
      spec,
      io,
      (item, row, key) => row < valid(item) && key < valid(item) && (row >= 150 || key >= 150),
    );
    expect(distance(output, expected)).toBeLessThan(1e-6);
  });

  it("gives zeros where nothing at all is selected", async () => {
    const { output, lse } = await evaluate({
      heads: 1,
      headDim: 4,
      visualTokens: 70,
      blockSize: 64,
      rectify: "none",
      policy: hostPolicy(({ block }) => (block === 0 ? [] : [0])),
      extras: ["lse"],
    });
    expect(output.subarray(0, 64 * 4).every((x) => x === 0)).toBe(true);
    expect(lse[3]).toBe(Number.NEGATIVE_INFINITY);
    expect(Number.isFinite(lse[64])).toBe(true);
  });
});

describe("identities that need no oracle", () => {
  it("with nothing dropped every mode is dense", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 0, max: 20 }),
        fc.constantFrom("none", "paper", "tail" as const),
        fc.integer({ min: 0, max: 20 }),
        async (visualTokens, textTokens, rectify, drop) => {
          const own = {
            heads: 1,
            headDim: 3,
            blockSize: 64,
            visualTokens,
            textTokens,
            textValid: Math.max(0, textTokens - drop),
          };
          const dense = await evaluate({ ...own, dense: true, extras: ["lse"] });
          const policy = topBlocks({ dropRate: 0 });
          const sparse = await evaluate({ ...own, policy, rectify, extras: ["lse"] } as AttentionSpec);
          expect(distance(sparse.output, dense.output)).toBeLessThan(1e-6);
          expect(distance(sparse.lse, dense.lse)).toBeLessThan(1e-12);
        },
      ),
      { numRuns: 25 },
    );
  });

  const tail: AttentionSpec = {
    ...spec,
    rectify: "tail",
    policy: topBlocks({ dropRate: 0.9 }),
    extras: ["mask", "factor"].slice(0, 1) as ["mask"],
  };

  it("one stratum per token is dense, whatever the mask", async () => {
    const own: AttentionSpec = { ...tail, tail: { strata: "contiguous", strataPerBlock: 64 } };
    const [sparse, dense] = [await evaluate(own), await evaluate({ ...spec, dense: true })];
    expect(distance(sparse.output, dense.output)).toBeLessThan(1e-6);
    expect([...sparse.mask].filter((x) => x === 0).length).toBeGreaterThan(10);
  });

  it("strata of identical keys are exact", async () => {
    const io = waves(spec);
    const key = io.key.to("f32");
    for (let i = 0; i < key.data.length; i++) key.data[i] = Math.cos(i % 6);
    const value = io.value.to("f32");
    // With equal keys a block's values count by their mean.
    const dense = await evaluate({ ...spec, dense: true }, { ...io, key, value });
    const sparse = await evaluate(tail, { ...io, key, value });
    expect(distance(sparse.output, dense.output)).toBeLessThan(1e-5);
  });

  it("is linear in the values for a given mask", async () => {
    const io = waves(spec);
    const policy = always([1]);
    const run = (value: typeof io.value) => evaluate({ ...tail, policy }, { ...io, value });
    const other = wave(spec, 9);
    const sum = io.value.to("f32");
    for (let i = 0; i < sum.data.length; i++) sum.data[i] = 2 * sum.data[i] - other.data[i];
    const [a, b, both] = [await run(io.value), await run(other), await run(sum)];
    expect(
      distance(
        both.output,
        a.output.map((x, i) => 2 * x - b.output[i]),
      ),
    ).toBeLessThan(2e-6);
  });

  it("does not depend on the order of tokens inside a stratum", async () => {
    const io = waves(spec);
    const own: AttentionSpec = { ...tail, tail: { strata: "contiguous" } };
    const swapped = { ...io, key: swap(io.key.to("f32"), 3, 9), value: swap(io.value.to("f32"), 3, 9) };
    const [one, two] = [await evaluate(own, io), await evaluate(own, swapped)];
    expect(two.mask).toEqual(one.mask);
    expect(distance(two.output, one.output)).toBeLessThan(1e-6);
  });

  function swap(tensor: typeof waves extends never ? never : ReturnType<typeof wave>, a: number, b: number) {
    for (let at = 0; at < tensor.data.length; at += 159 * 6)
      for (let ch = 0; ch < 6; ch++) {
        const [i, j] = [at + a * 6 + ch, at + b * 6 + ch];
        [tensor.data[i], tensor.data[j]] = [tensor.data[j], tensor.data[i]];
      }
    return tensor;
  }
});
