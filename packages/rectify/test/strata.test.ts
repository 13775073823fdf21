import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fixSign, localDirection, normalise, sharedDirections, strataMargins, strataOrder } from "../src/index.js";

const shape = { visualTokens: 52, headDim: 3, blockSize: 16 };
const matrix = (seed: number, rows = 52) => Float64Array.from({ length: rows * 3 }, (_, i) => Math.sin(seed + 5.3 * i));

describe("strata", () => {
  it.each(["local", "eigen", "contiguous"] as const)("%s keeps every token in its block, padding last", (strata) => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.constantFrom(1, 2, 4),
        fc.integer({ min: 0, max: 99 }),
        (N, c, seed) => {
          const key = matrix(seed, N);
          const own = { ...shape, visualTokens: N };
          const order = strataOrder(matrix(seed + 1, N), key, own, { strata, strataPerBlock: c, steps: 8 });
          const size = 16 / c;
          for (let start = 0; start < order.length; start += 16) {
            const slots = [...order.subarray(start, start + 16)];
            expect([...slots].sort((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, i) => start + i));
            expect(slots.filter((token) => token >= N)).toEqual(slots.slice(slots.filter((token) => token < N).length));
            for (let s = 0; s < 16; s += size)
              expect(slots.slice(s, s + size)).toEqual(slots.slice(s, s + size).sort((a, b) => a - b));
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it("separates two clusters that are interleaved in token order", () => {
    const key = Float64Array.from({ length: 16 * 3 }, (_, i) => (Math.floor(i / 3) % 2 ? 5 : -5) + Math.sin(i) / 10);
    const order = strataOrder(
      key,
      key,
      { ...shape, visualTokens: 16 },
      { strata: "local", strataPerBlock: 2, steps: 8 },
    );
    const halves = [order.subarray(0, 8), order.subarray(8)].map(
      (half) => new Set(half.map((token) => token % 2)).size,
    );
    expect(halves).toEqual([1, 1]);
  });

  it("keeps token order when all keys are equal", () => {
    const key = new Float64Array(52 * 3).fill(0.5);
    for (const strata of ["local", "eigen"] as const)
      expect([...strataOrder(matrix(1), key, shape, { strata, strataPerBlock: 4, steps: 8 })]).toEqual(
        Array.from({ length: 64 }, (_, i) => i),
      );
  });
});

describe("strata margins", () => {
  it("are the gap at the closest cut over the extent of the block", () => {
    // Keys on a line through all channels: positions 0 to 15, the middle two moved together.
    const along = Array.from({ length: 16 }, (_, i) => (i === 8 ? 7.25 : i));
    const key = Float64Array.from({ length: 48 }, (_, i) => along[Math.floor(i / 3)]);
    const own = { ...shape, visualTokens: 16 };
    const margin = (c: number) => strataMargins(key, key, own, { strata: "local", strataPerBlock: c, steps: 8 })[0];
    expect(margin(2)).toBeCloseTo(0.25 / 15, 12);
    expect(margin(1)).toBe(Number.POSITIVE_INFINITY);
  });

  it("are 0 for ties and infinite where padding leaves no choice", () => {
    const key = new Float64Array(6 * 3).fill(2);
    const margins = (N: number) =>
      strataMargins(key, key, { ...shape, visualTokens: N }, { strata: "local", strataPerBlock: 2, steps: 8 })[0];
    expect(margins(6)).toBe(Number.POSITIVE_INFINITY);
    expect(
      strataMargins(matrix(1).fill(1), matrix(1).fill(1), shape, { strata: "local", strataPerBlock: 2, steps: 8 })[0],
    ).toBe(0);
  });
});

describe("directions", () => {
  it("find the axis of largest variance, with a fixed sign", () => {
    const x = Float64Array.from({ length: 60 }, (_, i) => (i % 3 === 1 ? 10 : 1) * Math.sin(i * i));
    const w = localDirection(x, 3, 40);
    expect(Math.abs(w[1])).toBeGreaterThan(0.99);
    expect(w[1]).toBeGreaterThan(0);
    expect([...fixSign(Float64Array.of(1, -2, 2))]).toEqual([-1, 2, -2]);
    expect([...normalise(Float64Array.of(0, 3, 4))]).toEqual([0, 0.6, 0.8]);
  });

  it("shared directions are orthogonal in the covariance of the keys", () => {
    const [w1, w2] = sharedDirections(matrix(3), matrix(4), shape, 8);
    for (const w of [w1, w2]) expect(Math.hypot(...w)).toBeCloseTo(1, 12);
    const key = matrix(4);
    let product = 0;
    let size = 0;
    for (let block = 0; block < 4; block++) {
      const tokens = Array.from({ length: Math.min(16, 52 - block * 16) }, (_, i) => block * 16 + i);
      const mean = [0, 1, 2].map((ch) => tokens.reduce((sum, a) => sum + key[a * 3 + ch], 0) / tokens.length);
      for (const a of tokens) {
        const along = (w: Float64Array) => [0, 1, 2].reduce((sum, ch) => sum + w[ch] * (key[a * 3 + ch] - mean[ch]), 0);
        product += along(w1) * along(w2);
        size += along(w1) ** 2 + along(w2) ** 2;
      }
    }
    expect(Math.abs(product) / size).toBeLessThan(1e-10);
  });
});
