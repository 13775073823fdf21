import { topBlocks } from "@spaattn/attention";
import { describe, expect, it } from "vitest";
import { cogVideoX15, createModel, flux1, hunyuanVideo, modelNames, switchStepOf, wan21, wan22 } from "../src/index.js";

describe("adapters", () => {
  it("say what a call does", () => {
    const adapter = wan21({ variant: "t2v-14b", dropRate: 0.75 });
    const { order, inverse } = adapter.layout({ frames: 81, height: 720, width: 1280 });
    expect([order.length, inverse.length]).toEqual([75600, 75600]);
    const spec = adapter.attention({ layer: 7, step: 12 });
    expect(spec).toMatchObject({
      batch: 1,
      heads: 40,
      headDim: 128,
      visualTokens: 75600,
      textTokens: 0,
      dense: false,
      policy: topBlocks({ dropRate: 0.75 }),
      rectify: "tail",
    });
    expect(spec.layout?.order).toBe(order);
    expect(adapter.attention({ layer: 1, step: 12 }).dense).toBe(true);
    expect(adapter.attention({ layer: 7, step: 4, branch: "unconditional" }).dense).toBe(true);
    expect(adapter.attention({ layer: 7, step: 5, branch: "unconditional" }).dense).toBe(false);
  });

  it("keep the original's policy with the paper's rectification", () => {
    const spec = wan22({ rectify: "paper" }).attention({ layer: 7, step: 12 });
    expect(spec.policy).toEqual({
      kind: "union",
      of: [{ kind: "topBlocks", dropRate: 0.85 }, { kind: "coverMass", mass: 0.3 }, { kind: "neighbours" }],
    });
    expect(wan22({ behaviour: "reference" }).attention({ layer: 7, step: 12 })).toMatchObject({
      rectify: "paper",
      behaviour: "reference",
    });
  });

  it("let every number be said", () => {
    const adapter = hunyuanVideo({
      size: { frames: 5, height: 64, width: 64 },
      dropRate: 0.5,
      coverMass: 0.2,
      neighbours: true,
      denseLayers: [3],
      denseSteps: 2,
      steps: 8,
      textTokens: 10,
      blockSize: 64,
      dtype: "f16",
      tokenOrder: "curve",
      rectify: "none",
    });
    expect(adapter.schedule).toMatchObject({ steps: 8, denseLayers: [3], denseSteps: [0, 1] });
    expect(adapter.attention({ layer: 4, step: 2, textValid: 7 })).toMatchObject({
      visualTokens: 32,
      textTokens: 10,
      textValid: 7,
      blockSize: 64,
      dtype: "f16",
      tokenOrder: "curve",
      dense: false,
      rectify: "none",
    });
    const policy = topBlocks({ dropRate: 0.1 });
    expect(flux1({ policy }).attention({ layer: 0, step: 0 }).policy).toBe(policy);
  });

  it("have presets between which the rate and the cache differ", () => {
    const of = (preset: "quality" | "balanced" | "fast") => hunyuanVideo({ preset });
    expect([of("quality"), of("balanced"), of("fast")].map(({ settings }) => settings.dropRate)).toEqual([
      0.7, 0.8, 0.9,
    ]);
    expect([of("quality"), of("balanced"), of("fast")].map(({ stepCache }) => stepCache.threshold)).toEqual([
      0.1, 0.15, 0.15,
    ]);
    expect(flux1({ stepCache: { threshold: "1.8x" } }).stepCache.threshold).toBe(0.4);
    expect(hunyuanVideo({ preset: "fast", dropRate: 0.6 }).settings.dropRate).toBe(0.6);
    for (const name of modelNames) {
      const [quality, balanced, fast] = (["quality", "balanced", "fast"] as const).map(
        (preset) => createModel(name, { preset }).settings.dropRate,
      );
      expect(quality < balanced && balanced < fast, name).toBe(true);
      expect(createModel(name).settings.dropRate).toBe(balanced);
    }
  });

  it("carry guidance in branches or in the batch", () => {
    expect(wan21().schedule.branches).toEqual(["conditional", "unconditional"]);
    expect(wan21({ guidance: false }).schedule.forwards).toHaveLength(50);
    expect(cogVideoX15().attention({ layer: 0, step: 9, textValid: [3, 226] })).toMatchObject({
      batch: 2,
      textValid: [3, 226],
    });
    expect(cogVideoX15({ guidance: false }).attention({ layer: 0, step: 9 }).batch).toBe(1);
    expect(hunyuanVideo().schedule.branches).toEqual(["conditional"]);
  });

  it("switch experts where the timesteps say so", () => {
    expect(wan22().schedule.switchStep).toBe(13);
    expect(switchStepOf([1000, 900, 875, 874.9, 10], 0.875)).toBe(3);
    expect(wan22({ timesteps: [1000, 900, 874, 400] }).schedule).toMatchObject({ steps: 4, switchStep: 2 });
    const adapter = wan22({ switchStep: 20 });
    expect(adapter.schedule.denseSteps).toEqual([0, 1, 2, 20]);
    expect([adapter.globalLayer({ layer: 3, step: 19 }), adapter.globalLayer({ layer: 3, step: 20 })]).toEqual([3, 43]);
  });
});

describe("wrong input", () => {
  it.each<[() => unknown, string]>([
    [
      () => wan21({ variant: "14b" as never }),
      "variant must be t2v-1.3b, t2v-14b, i2v-14b-480p, i2v-14b-720p, got 14b",
    ],
    [() => cogVideoX15({ variant: "toString" as never }), "variant must be t2v, i2v"],
    [() => wan21({ dropRate: 1.5 }), "dropRate must be between 0 and 1, got 1.5"],
    [() => wan21({ preset: "best" as never }), 'preset must be "quality", "balanced", "fast"'],
    [() => wan21({ textTokens: 5 }), "Wan2.1 T2V 14B has no text in self-attention"],
    [() => wan21({ steps: 0 }), "steps must be an integer of at least 1"],
    [() => wan21({ denseLayers: [40] }), "denseLayers[0] is 40, but Wan2.1 T2V 14B has 40 layers"],
    [() => wan22({ denseSteps: [1] }), "denseSteps lists 1 numbers, but Wan2.2 T2V A14B has 2 transformers"],
    [() => wan22({ steps: 5, timesteps: [1, 2] }), "timesteps lists 2 values, but steps is 5"],
    [() => wan21({ architecture: { headDim: 64 } }), "architecture.rotary.axes cover 128 channels"],
    [() => wan21().attention({ layer: 40, step: 0 }), "layer must be an integer from 0 to 39"],
    [() => wan21().attention({ layer: 0, step: 50 }), "step must be an integer from 0 to 49"],
    [() => wan21().attention({ layer: 0.5, step: 0 }), "layer must be an integer"],
    [
      () => flux1().attention({ layer: 0, step: 0, branch: "unconditional" }),
      "branch must be conditional for Flux.1-dev",
    ],
    [
      () => wan21({ stepCache: { threshold: -1 } }).stepCache,
      "stepCache.threshold must be a number that is not negative, or slow, fast, got -1",
    ],
    [() => wan21().session({ size: { height: 7 } }), "size.height must be a multiple of 16"],
  ])("%#", (call, message) => {
    expect(call).toThrow(RangeError);
    expect(call).toThrow(message);
  });
});
