import { byteLength } from "@spaattn/core";
import { describe, expect, it } from "vitest";
import {
  type AttentionSpec,
  always,
  compilePlan,
  coverMass,
  estimateDensity,
  hostPolicy,
  planCost,
  topBlocks,
  union,
} from "../src/index.js";

// Wan at 720p: the geometry docs/tail.md#cost gives its numbers for.
const wan: AttentionSpec = { heads: 1, headDim: 128, visualTokens: 75_600, dtype: "bf16" };
const cost = (changes: Partial<AttentionSpec> = {}) => planCost(compilePlan({ ...wan, ...changes }));
const flopOf = (result: ReturnType<typeof planCost>, op: string) =>
  result.steps.filter((step) => step.op === op).reduce((sum, step) => sum + step.flop, 0);

describe("planCost", () => {
  it("gives the shares of dense attention that docs/tail.md#cost states", () => {
    const tail = cost({ tail: { group: "all" } });
    const dense = 4 * 75_600 ** 2 * 128;
    expect(tail.denseFlop).toBe(dense);
    expect(flopOf(tail, "attend") / dense - tail.density).toBeCloseTo(4 / 128, 3);
    // Splitting (0.02 %) and summaries (0.003 %) are one step here.
    expect(flopOf(tail, "summarize") / dense).toBeCloseTo((2 * 8) / 75_600 + 2 / 75_600, 8);
    expect(flopOf(tail, "estimate") / dense).toBeCloseTo((2 * 4) / 128 ** 2, 5);
    const grouped = cost({ tail: { group: 16 } });
    expect((flopOf(grouped, "summarize") - flopOf(tail, "summarize")) / dense).toBeCloseTo(2 / (128 * 16), 4);
  });

  it("counts a dense plan exactly, text rows included", () => {
    const dense = planCost(
      compilePlan({ heads: 2, headDim: 64, visualTokens: 300, textTokens: 50, textValid: 20, dense: true }),
    );
    expect(dense.flop).toBe(2 * 4 * 64 * 320 * 320);
    expect(dense.flop).toBe(dense.denseFlop);
    expect(dense.density).toBe(1);
    expect(dense.workspaceBytes).toBe(0);
    expect(dense.ioBytes).toBe(4 * 2 * 350 * 64 * 4);
  });

  it("sums batch items with their own text lengths", () => {
    const of = (batch: number, textValid: number[]) =>
      planCost(compilePlan({ batch, heads: 2, headDim: 64, visualTokens: 1000, textTokens: 50, textValid })).flop;
    expect(of(2, [10, 40])).toBeCloseTo(of(1, [10]) + of(1, [40]), 0);
  });

  it("asks for the workspace the plan declares", () => {
    const plan = compilePlan(wan);
    const held = Object.values(plan.tensors).filter(({ role }) => role === "workspace" || role === "constant");
    expect(planCost(plan).workspaceBytes).toBe(held.reduce((sum, tensor) => sum + byteLength(tensor), 0));
  });

  it("takes a measured density", () => {
    const plan = compilePlan(wan);
    const [low, high] = [0.1, 0.4].map((density) => planCost(plan, { density }));
    expect(flopOf(high, "attend") - flopOf(low, "attend")).toBeCloseTo(0.3 * high.denseFlop, -6);
    expect(() => planCost(plan, { density: 1.5 })).toThrow("options.density must be between 0 and 1, got 1.5");
  });
});

describe("estimateDensity", () => {
  const small: AttentionSpec = { heads: 2, headDim: 64, visualTokens: 1280 };
  const density = (changes: Partial<AttentionSpec>) => estimateDensity(compilePlan({ ...small, ...changes }));

  it("is exact for a fixed count, per head", () => {
    expect(density({ policy: topBlocks({ dropRate: 0.8 }) })).toEqual({ density: 0.2, least: 0.2, most: 0.2 });
    expect(density({ policy: topBlocks({ dropRate: [0.8, 0.6] }) }).density).toBeCloseTo(0.3);
    expect(density({ dense: true }).density).toBe(1);
    for (const rectify of ["none", "paper", "tail"] as const)
      expect(density({ rectify, policy: topBlocks({ dropRate: 1 }) }).density, rectify).toBeCloseTo(0.1);
  });

  it("is a range where forced blocks or probability mass decide", () => {
    const forced = density({ policy: union(topBlocks({ dropRate: 0.8 }), always([1, 2, 3])) });
    expect(forced.least).toBeCloseTo(0.3);
    expect(forced.most).toBeCloseTo(0.5);
    expect(density({ policy: coverMass(0.5) })).toMatchObject({ least: 0.1, most: 1 });
    expect(density({ policy: always([4]), rectify: "paper" }).most).toBeCloseTo(0.1);
  });

  it("knows nothing of a choice made on the host", () => {
    const plan = compilePlan({ ...small, policy: hostPolicy(() => [0]) }, { maskAsInput: true });
    expect(estimateDensity(plan)).toEqual({ density: 1, least: 0, most: 1 });
  });
});
