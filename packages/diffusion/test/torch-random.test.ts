import fc from "fast-check";
import { expect, it } from "vitest";
import { TorchRandom } from "../src/index.js";

it("goes on where it stopped and depends on the seed alone", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 60 }), (seed, a, b) => {
      const [one, two] = [new TorchRandom(seed), new TorchRandom(BigInt(seed) + (1n << 40n))];
      expect(one.normal(a)).toEqual(two.normal(a));
      const next = one.normal(b);
      expect(next).toEqual(two.normal(b));
      expect(next.every(Number.isFinite)).toBe(true);
    }),
  );
});

it("refuses seeds and counts that are none", () => {
  expect(() => new TorchRandom(1.5)).toThrow(/seed must be an integer, got 1.5/);
  expect(() => new TorchRandom(1).normal(-1)).toThrow(RangeError);
});
