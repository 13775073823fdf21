import { describe, expect, it } from "vitest";
import {
  type AttentionSpec,
  compilePlan,
  coverMass,
  hostPolicy,
  type LevelsOptions,
  planCost,
  resolveSpec,
  topBlocks,
  union,
} from "../src/index.js";

const base: AttentionSpec = { heads: 2, headDim: 64, visualTokens: 4080, rectify: "levels" };
const levels = (options: LevelsOptions) => resolveSpec({ ...base, levels: options }).levels;

describe("options of levels", () => {
  it("follow from the shape", () => {
    expect(levels({})).toMatchObject({ depth: 5, levels: [0, 1, 2, 3, 4, 5], clusters: 8, probes: 4, scope: "call" });
    expect(resolveSpec({ ...base, blockSize: 64 }).levels).toMatchObject({ depth: 4, clusters: 16 });
    expect(resolveSpec({ ...base, visualTokens: 100 }).levels.clusters).toBe(1);
  });

  it("take the budget from the drop rate: what the uniform tail would cost", () => {
    expect(levels({}).budgets).toEqual(
      [0.2 + (0.8 * 4) / 128, 0.2 + (0.8 * 4) / 128].map((x) => expect.closeTo(x, 12)),
    );
    const rates = resolveSpec({ ...base, policy: topBlocks({ dropRate: [0.5, 1] }) }).levels.budgets;
    expect(rates).toEqual([0.5 + 2 / 128, 4 / 128]);
    expect(levels({ budget: 0.1 }).budgets).toEqual([0.1, 0.1]);
  });

  it.each<[LevelsOptions, string]>([
    [{ budget: 0 }, "spec.levels.budget must be above 0 and at most 1, got 0"],
    [{ budget: 0.1, tolerance: 1 }, "spec.levels.tolerance and spec.levels.budget exclude each other"],
    [{ tolerance: { relative: -1 } }, "spec.levels.tolerance.relative must be a positive number, got -1"],
    [{ scope: "all" as "call" }, 'spec.levels.scope must be call or head or row, got "all"'],
    [{ levels: [0, 6] }, "spec.levels.levels[1] must be at most the depth of 5, got 6"],
    [{ levels: [] }, "spec.levels.levels must list at least one level"],
    [{ depth: 8 }, "spec.levels.depth must be at most 7 with blocks of 128, got 8"],
    [{ probes: 3 }, "spec.levels.probes must be 0 or 1 or 2 or 4 or 8 or 16, got 3"],
    [{ refresh: 0 }, "spec.levels.refresh must be an integer of at least 1, got 0"],
    [{ hMax: Number.NaN }, "spec.levels.hMax must not be negative, got NaN"],
    [{ bugdet: 1 } as LevelsOptions, "spec.levels.bugdet is no option"],
  ])("%j is refused by name", (options, message) => {
    expect(() => levels(options)).toThrow(message);
  });

  it("refuse policies without a counterpart, but only where levels are used", () => {
    const mass = union(topBlocks({ dropRate: 0.8 }), coverMass(0.3));
    expect(() => resolveSpec({ ...base, policy: mass })).toThrow("spec.policy: coverMass has no counterpart");
    expect(() => resolveSpec({ ...base, policy: hostPolicy(() => []) })).toThrow("a host function cannot choose");
    expect(resolveSpec({ ...base, rectify: "tail", policy: mass }).rectify).toBe("tail");
  });
});

describe("plans of levels", () => {
  it("estimate and choose, or take the choice", () => {
    const ops = (choiceAsInput: boolean) => compilePlan(base, { choiceAsInput }).steps.map(({ step }) => step.op);
    expect(ops(false)).toEqual(["cluster", "nodes", "errors", "choose", "gather", "attend"]);
    expect(ops(true)).toEqual(["cluster", "nodes", "gather", "attend"]);
    expect(() => compilePlan({ ...base, extras: ["bias"] })).toThrow('bias does not exist with rectify "levels"');
  });

  it("cost their budget, and a few per cent for the estimate", () => {
    const cost = planCost(compilePlan({ ...base, levels: { budget: 0.1 } }));
    expect(cost.density).toBeCloseTo(0.1, 12);
    // docs/levels.md#cost, n = 32, d = 64: 4.2 % of dense.
    const beyond = cost.steps.filter(({ op }) => op !== "attend").reduce((sum, { flop }) => sum + flop, 0);
    expect(beyond / cost.denseFlop).toBeGreaterThan(0.03);
    expect(beyond / cost.denseFlop).toBeLessThan(0.05);
  });
});
