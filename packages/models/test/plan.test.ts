import { describe, expect, it } from "vitest";
import { createModel, drawSchedule, modelNames, planGeneration } from "../src/index.js";

describe("the plan of a generation", () => {
  it("has the numbers of Wan2.1 T2V 14B at 720p", () => {
    const plan = planGeneration("wan2.1-t2v-14b", { frames: 81, height: 720, width: 1280 });
    expect(plan).toMatchObject({
      grid: [21, 45, 80],
      visualTokens: 75600,
      textTokens: 0,
      blocks: 591,
      lastBlockTokens: 80,
      denseLayers: [0, 1],
      denseSteps: [0, 1, 2, 3, 4],
      forwards: 100,
      densityIsExact: true,
    });
    expect(plan.density).toBeCloseTo(147 / 591, 12);
    // 40 layers x 100 forwards: 10 forwards and 2 layers of the others are dense.
    expect([plan.costs.denseCalls, plan.costs.sparseCalls]).toEqual([400 + 180, 3420]);
    const call = 4 * 40 * 75600 ** 2 * 128;
    expect(plan.costs.flopDense).toBe(4000 * call);
    // beyond.md section 11: density, pseudo-tiles 3.13 %, strata 0.02 %, summaries 0.003 %, selection 0.05 %.
    const tail = 4 / 128 + 16 / 75600 / 1 + 2 / 75600 + 8 / 128 ** 2;
    // The closed form rounds: it leaves out pooling and counts the partly filled last block as full.
    expect(Math.abs(plan.costs.flopEstimation / (3420 * call) / tail - 1)).toBeLessThan(2e-3);
    const sparse = 580 * call + 3420 * call * (147 / 591 + tail);
    expect(Math.abs(plan.costs.flopSparse / sparse - 1)).toBeLessThan(2e-4);
    expect(plan.costs.speedupBound).toBeCloseTo((4000 * call) / plan.costs.flopSparse, 9);
    expect(plan.costs.memory.tensors).toBe(4 * 40 * 75600 * 128 * 4);
  });

  it("counts text rows and text keys", () => {
    const plan = planGeneration("hunyuanvideo", {}, { rectify: "none", neighbours: false, coverMass: 0 });
    const [N, T, d] = [115200, 256, 128];
    // Plain block-sparse needs one product of block means, two sums for them, and the text keys' pooled logits.
    const pooled = 2 * d * (900 * 900 + N + 900 * T);
    const perHead = 4 * d * ((180 / 900) * N * N + N * T + T * (N + T)) + pooled;
    expect(plan.costs.flopSparse / (3000 * 24 * perHead)).toBeCloseTo(1, 9);
    expect(plan.costs.flopDense).toBe(3000 * 24 * 4 * d * (N + T) ** 2);
  });

  it.each(modelNames)("of %s can be printed and is bounded by what stays dense", (name) => {
    const plan = planGeneration(name);
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
    const { denseCalls, sparseCalls, flopDense, flopSparse, speedupBound } = plan.costs;
    expect(denseCalls + sparseCalls).toBe(plan.layers * plan.forwards);
    expect(flopSparse).toBeLessThan(flopDense);
    expect(speedupBound).toBeGreaterThan(1);
    expect(speedupBound).toBeLessThan((denseCalls + sparseCalls) / Math.max(denseCalls, 1));
    expect(plan.density).toBeLessThan(0.3);
  });

  it("follows options, presets and one-frame sizes", () => {
    const dense = planGeneration("wan2.2-t2v-a14b", {}, { sparse: false });
    expect(dense.costs).toMatchObject({ sparseCalls: 0, speedupBound: 1 });
    expect(planGeneration("wan2.2-t2v-a14b").switchStep).toBe(13);
    const fast = planGeneration("wan2.1-t2v-14b", {}, { preset: "fast" });
    expect(fast.costs.speedupBound).toBeGreaterThan(planGeneration("wan2.1-t2v-14b").costs.speedupBound);
    expect(planGeneration("wan2.1-t2v-14b", { frames: 1 }).grid).toEqual([1, 45, 80]);
    const paper = planGeneration("wan2.1-i2v-14b-720p", {}, { rectify: "paper" });
    expect(paper.densityIsExact).toBe(false);
    const adapter = createModel("flux.1-dev", { size: { height: 1024, width: 1024 } });
    expect(planGeneration(adapter).visualTokens).toBe(4096);
    expect(() => planGeneration("wan2.1")).toThrow("unknown model");
  });

  it("is drawn with one column per step", () => {
    const lines = drawSchedule(planGeneration("wan2.2-t2v-a14b"));
    const full = "\u2588".repeat(40);
    const sparse = `${"\u2588".repeat(3)}${"\u2591".repeat(10)}\u2588${"\u2591".repeat(26)}`;
    expect(lines.slice(0, 2)).toEqual([`layers 0-1  ${full}`, `layers 2-39 ${sparse}`]);
    expect(lines[2]).toBe(`${" ".repeat(12 + 13)}^ second transformer from step 13`);
    const [group, more] = drawSchedule(planGeneration("flux.1-dev"));
    expect([group.startsWith("layers 0-36 "), more.startsWith("layers 37-56")]).toEqual([true, true]);
  });
});
