import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blockCount, blockDeviations, blockMeans, validTokens } from "../src/index.js";

const shape = { visualTokens: 10, headDim: 3, blockSize: 4 };
const rows = Float64Array.from({ length: 30 }, (_, i) => Math.sin(i) * 3);

/** The definition, token by token. */
function naive(block: number, channel: number, divisor?: number): { mean: number; deviation: number } {
  const tokens = [0, 1, 2, 3].map((slot) => block * 4 + slot).filter((token) => token < 10);
  const values = tokens.map((token) => rows[token * 3 + channel]);
  while (divisor && values.length < divisor) values.push(0);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, deviation: values.reduce((sum, x) => sum + Math.abs(x - mean), 0) / values.length };
}

describe("pooling", () => {
  it("counts blocks and their valid tokens", () => {
    expect(blockCount(shape)).toBe(3);
    expect([...validTokens(shape)]).toEqual([4, 4, 2]);
    expect([...validTokens({ ...shape, visualTokens: 8 })]).toEqual([4, 4]);
  });

  it.each([
    ["valid", undefined],
    ["zero", 4],
  ] as const)("means and deviations with padding %s follow the definition", (padding, divisor) => {
    const means = blockMeans(rows, shape, padding);
    const deviations = blockDeviations(rows, means, shape, padding);
    for (let block = 0; block < 3; block++)
      for (let ch = 0; ch < 3; ch++) {
        const { mean, deviation } = naive(block, ch, divisor);
        expect(means[block * 3 + ch]).toBeCloseTo(mean, 13);
        expect(deviations[block * 3 + ch]).toBeCloseTo(deviation, 13);
      }
  });

  it("docs/corrections.md#no-2: zero rows shrink the last block in the original, not in ours", () => {
    const ones = new Float64Array(30).fill(1);
    const last = (padding: "valid" | "zero") => {
      const means = blockMeans(ones, shape, padding);
      return { mean: means[6], deviation: blockDeviations(ones, means, shape, padding)[6] };
    };
    expect(last("valid")).toEqual({ mean: 1, deviation: 0 });
    expect(last("zero")).toEqual({ mean: 0.5, deviation: 0.5 });
  });

  it("agrees for both paddings when every block is full", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: 24, maxLength: 24 }),
        (list) => {
          const x = Float64Array.from(list);
          const full = { visualTokens: 8, headDim: 3, blockSize: 4 };
          const means = blockMeans(x, full, "valid");
          expect(blockMeans(x, full, "zero")).toEqual(means);
          expect(blockDeviations(x, means, full, "zero")).toEqual(blockDeviations(x, means, full, "valid"));
        },
      ),
    );
  });
});
