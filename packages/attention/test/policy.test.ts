import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  always,
  coverMass,
  firstFrame,
  keptBlocks,
  lowerPolicy,
  makeGeometry,
  neighbours,
  type Policy,
  type SelectionContext,
  type TokenLayout,
  topBlocks,
  union,
} from "../src/index.js";

const geometry = makeGeometry({ batch: 1, heads: 2, headDim: 64, visualTokens: 5 * 64 - 10, blockSize: 64 });
const layout: TokenLayout = {
  grid: [2, 5, 31],
  blockSize: 64,
  order: Int32Array.from({ length: 310 }, (_, i) => i),
  inverse: Int32Array.from({ length: 310 }, (_, i) => i),
  neighbours: Uint8Array.from({ length: 25 }, (_, i) => (Math.abs(Math.floor(i / 5) - (i % 5)) <= 1 ? 1 : 0)),
  firstFrameBlocks: Int32Array.of(1, 3),
};
const context: SelectionContext = { geometry, layout, behaviour: "corrected", rectify: "paper" };
const rows = (policy: Policy, changes: Partial<SelectionContext> = {}) => {
  const { forced } = lowerPolicy(policy, { ...context, ...changes });
  return Array.from({ length: 5 }, (_, i) => Array.from(forced!.subarray(i * 5, i * 5 + 5)).join(""));
};

describe("keptBlocks", () => {
  it("mends the rounding of 1 - dropRate (docs/corrections.md#no-12)", () => {
    expect(keptBlocks(0.8, 900, "reference")).toBe(179);
    expect(keptBlocks(0.8, 900, "corrected")).toBe(180);
  });

  it("never differs from the exact quotient of whole percents", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 1, max: 2000 }), (percent, blocks) => {
        expect(keptBlocks(percent / 100, blocks, "corrected")).toBe(Math.floor(((100 - percent) * blocks) / 100));
      }),
    );
  });
});

describe("lowerPolicy", () => {
  it("takes the larger of count and mass from a union, per head", () => {
    const selection = lowerPolicy(union(topBlocks({ dropRate: [0.2, 0.8] }), coverMass(0.3)), context);
    expect(selection).toEqual({ ranked: true, topBlocks: [4, 1], coverMass: [0.3, 0.3], textCompetes: false });
  });

  it("does not rank for a fixed pattern", () => {
    expect(lowerPolicy(always([2]), context).ranked).toBe(false);
    expect(rows(always([0, 4]))).toEqual(Array(5).fill("10001"));
  });

  it("adds neighbours and the first frame", () => {
    expect(rows(neighbours())).toEqual(["11000", "11100", "01110", "00111", "00011"]);
    expect(rows(firstFrame("sink"))).toEqual(Array(5).fill("01010"));
    expect(rows(firstFrame("dense"))).toEqual(["01010", "11111", "01010", "11111", "01010"]);
  });

  it("keeps the literal first-frame rule in reference behaviour (docs/corrections.md#no-1)", () => {
    expect(rows(firstFrame(), { behaviour: "reference" })).toEqual(["11000", "11000", "00000", "00000", "00000"]);
  });

  it("lets text compete only in the reference's own modes (docs/corrections.md#no-3)", () => {
    const competes = (changes: Partial<SelectionContext>) =>
      lowerPolicy(topBlocks({ dropRate: 1 }), { ...context, ...changes }).textCompetes;
    expect([
      competes({ behaviour: "reference" }),
      competes({}),
      competes({ behaviour: "reference", rectify: "tail" }),
    ]).toEqual([true, false, false]);
  });

  it("keeps one block at least in tail mode", () => {
    expect(lowerPolicy(topBlocks({ dropRate: 1 }), { ...context, rectify: "tail" }).topBlocks).toEqual([1, 1]);
    expect(lowerPolicy(topBlocks({ dropRate: 1 }), context).topBlocks).toEqual([0, 0]);
  });

  it("names what is wrong", () => {
    expect(() => topBlocks({ dropRate: 1.5 })).toThrow(/dropRate must be between 0 and 1, got 1.5/);
    expect(() => coverMass(Number.NaN)).toThrow(RangeError);
    expect(() => lowerPolicy(topBlocks({ dropRate: [0.5] }), context)).toThrow(/lists 1 values, but there are 2 heads/);
    expect(() => lowerPolicy(always([5]), context)).toThrow(/block 5/);
    const bare: SelectionContext = { geometry, behaviour: "corrected", rectify: "paper" };
    expect(() => lowerPolicy(neighbours(), bare)).toThrow(/needs spec.layout/);
  });
});
