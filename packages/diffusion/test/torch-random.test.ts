import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, it } from "vitest";
import { TorchRandom } from "../src/index.js";
import { golden, relativeError } from "./golden.js";

type Lists = Record<string, number[] | [number, number][]>;

it("draws what torch draws", (ctx) => {
  const all: Lists = JSON.parse(readFileSync(golden(ctx, "torch-randn.json"), "utf8"));
  const checked = new Set<string>();
  for (const [key, value] of Object.entries(all)) {
    const [device, seedText, kind] = key.split(".");
    if (device !== "cpu") continue;
    const seed = BigInt(seedText);
    if (kind === "two") {
      if (key.endsWith("b")) continue;
      const random = new TorchRandom(seed);
      const second = all[`cpu.${seedText}.two.b`] as number[];
      expect(relativeError(random.normal(120), value as number[])).toBeLessThan(1e-6);
      expect(relativeError(random.normal(second.length), second)).toBeLessThan(1e-6);
    } else if (kind === "big" && key.endsWith("at")) {
      const pairs = value as [number, number][];
      const [sum, square] = all[`cpu.${seedText}.big.sum`] as number[];
      const drawn = new TorchRandom(seed).normal(pairs[pairs.length - 1][0] + 1);
      expect(relativeError(pairs.map(([i]) => drawn[i]), pairs.map(([, x]) => x))).toBeLessThan(1e-6); // biome-ignore format: one line
      expect(Math.abs(drawn.reduce((a, x) => a + x, 0) - sum)).toBeLessThan(0.5);
      expect(drawn.reduce((a, x) => a + x * x, 0) / square).toBeCloseTo(1, 5);
    } else if (kind === "bf16") {
      expect([...new TorchRandom(seed).normal(value.length, "bf16")]).toEqual(value);
    } else if (kind !== "big") {
      const drawn = new TorchRandom(seed).normal(Number(kind));
      expect([key, relativeError(drawn.subarray(0, value.length), value as number[]) < 1e-6]).toEqual([key, true]);
    }
    checked.add(kind);
  }
  expect(checked).toEqual(new Set(["1", "7", "15", "16", "17", "33", "1000", "two", "big", "bf16"]));
});

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
