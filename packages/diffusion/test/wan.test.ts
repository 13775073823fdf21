import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  checkVideoSize,
  concatChannels,
  conditionChannels,
  conditionMask,
  conditionVideo,
  denormalizeLatents,
  expertPlan,
  guidanceFactors,
  guide,
  needsNegative,
  normalizeLatents,
  scheduleFromConfig,
  sizeForImage,
  tokenTimesteps,
  WAN_SETTINGS,
  wanSettings,
  withFirstFrame,
} from "../src/index.js";
import { golden, readGolden, relativeError } from "./golden.js";

describe("conditions", () => {
  it("have the golden masks, for a first frame and for a first and last one", async (ctx) => {
    const first = await readGolden(golden(ctx, "wan_i2v/pipeline_golden.safetensors"));
    const both = await readGolden(golden(ctx, "wan_i2v/flf_condition_golden.safetensors"));
    for (const [{ tensors }, last] of [
      [first, false],
      [both, true],
    ] as const) {
      // biome-ignore format: one line
      const condition = tensors.get("condition") ?? ctx.skip("no condition");
      const [, , frames, height, width] = condition.shape;
      const size = { frames, height, width };
      const mask = conditionMask(size, last);
      const whole = condition.toFloat32();
      expect(whole.subarray(0, mask.length)).toEqual(mask);
      expect(conditionChannels(size, whole.slice(mask.length), last)).toEqual(whole);
    }
  });

  it("put the frames at the ends and grey between", () => {
    const [first, last] = [Float32Array.of(1, 2, 3, 4, 5, 6), Float32Array.of(-1, -2, -3, -4, -5, -6)];
    expect([...conditionVideo(first, 3, last)]).toEqual([1, 2, 0, 0, -1, -2, 3, 4, 0, 0, -3, -4, 5, 6, 0, 0, -5, -6]);
    expect([...conditionVideo(first, 2)]).toEqual([1, 2, 0, 0, 3, 4, 0, 0, 5, 6, 0, 0]);
    expect(() => conditionVideo(first, 3, new Float32Array(3))).toThrow(/last frame has 3 numbers/);
    expect(() => conditionChannels({ frames: 2, height: 1, width: 2 }, new Float32Array(5))).toThrow(RangeError);
  });

  it("of TI2V keep the first frame, as in the golden pipeline", async (ctx) => {
    const { tensors } = await readGolden(golden(ctx, "wan_ti2v/pipeline_golden.safetensors"));
    const get = (name: string) => tensors.get(name) ?? ctx.skip(`no ${name}`);
    const [, , frames, height, width] = get("i2v_final_latents").shape;
    const steps = get("i2v_latents_after_step").toFloat32();
    const final = get("i2v_final_latents").toFloat32();
    const condition = get("i2v_condition").toFloat32();
    expect(withFirstFrame(steps.slice(-final.length), condition, { frames, height, width })).toEqual(final);
    expect([...tokenTimesteps(7, 3, 2, true)]).toEqual([0, 0, 7, 7, 7, 7]);
    expect([...tokenTimesteps(7, 2, 1, false)]).toEqual([7, 7]);
    expect(() => withFirstFrame(steps, condition, { frames, height, width })).toThrow(/first frame has 48 channels/);
  });
});

describe("latents", () => {
  it("are normalised per channel as in the golden VAEs", async (ctx) => {
    for (const path of ["wan_t2v/vae", "wan_ti2v/vae"]) {
      const { tensors } = await readGolden(golden(ctx, `${path}/golden.safetensors`));
      const config = JSON.parse(readFileSync(golden(ctx, `${path}/config.json`), "utf8"));
      const statistics = { mean: config.latents_mean, deviation: config.latents_std };
      const mean = tensors.get("mean")?.toFloat32() as Float32Array;
      const normalized = normalizeLatents(mean, statistics);
      expect(relativeError(normalized, tensors.get("normalized_latent")?.toFloat32() ?? [])).toBeLessThan(1e-6);
      expect(relativeError(denormalizeLatents(normalized, statistics), mean)).toBeLessThan(1e-6);
    }
    expect(() => normalizeLatents(new Float32Array(5), { mean: [0, 0], deviation: [1, 1] })).toThrow(RangeError);
  });

  it("are concatenated in order", () => {
    expect([...concatChannels(Float32Array.of(1), Float32Array.of(2, 3))]).toEqual([1, 2, 3]);
  });
});

describe("guidance", () => {
  it("is the same as its factors say", () => {
    const number = fc.float({ noNaN: true, min: -100, max: 100 });
    fc.assert(
      fc.property(number, number, fc.double({ min: 0, max: 20, noNaN: true }), (a, b, scale) => {
        const { prompt, negative } = guidanceFactors(scale);
        expect(guide(Float32Array.of(a), Float32Array.of(b), scale)[0]).toBeCloseTo(prompt * a + negative * b, 2);
      }),
    );
    expect([needsNegative(1), needsNegative(1.1)]).toEqual([false, true]);
    expect(() => guide(new Float32Array(1), new Float32Array(2), 3)).toThrow(RangeError);
  });

  it("changes with the expert where the golden pipeline changes it", async (ctx) => {
    const { tensors, metadata } = await readGolden(golden(ctx, "wan_a14b/pipeline_golden.safetensors"));
    const config = JSON.parse(readFileSync(golden(ctx, "wan_a14b/scheduler/scheduler_config.json"), "utf8"));
    const { steps } = scheduleFromConfig(config, { steps: Number(metadata.steps) });
    const timesteps = steps.map(({ timestep }) => timestep);
    expect(timesteps).toEqual([...(tensors.get("timesteps")?.toFloat32() ?? [])]);
    const plan = expertPlan(timesteps, Number(metadata.boundary_ratio), 4, 3);
    const calls = ["transformer", "transformer_2"].map((name) => 2 * plan.filter((p) => p.component === name).length);
    expect(calls).toEqual([...(tensors.get("calls_high_low")?.data ?? [])]);
    expect(plan.map(({ component, guidance }) => guidance === (component === "transformer" ? 4 : 3))).not.toContain(
      false,
    );
    expect(expertPlan([10], undefined, 5)).toEqual([{ component: "transformer", guidance: 5 }]);
    expect(expertPlan([900, 10], 0.9, 5).map(({ guidance }) => guidance)).toEqual([5, 5]);
  });
});

describe("sizes", () => {
  const rule = { multiple: 16, framesPerLatent: 4 };

  it("name the nearest valid ones", () => {
    checkVideoSize({ width: 832, height: 480, frames: 81 }, rule);
    checkVideoSize({ width: 16, height: 16, frames: 1 }, rule);
    const wrong = (change: object) => () => checkVideoSize({ width: 832, height: 480, frames: 81, ...change }, rule);
    expect(wrong({ width: 850 })).toThrow("width must be a multiple of 16, got 850 (nearest: 848, 864)");
    expect(wrong({ height: 7 })).toThrow("height must be a multiple of 16, got 7 (nearest: 16)");
    expect(wrong({ frames: 80 })).toThrow("frames must be 1 plus a multiple of 4, got 80 (nearest: 77, 81)");
    expect(wrong({ frames: 3 })).toThrow("(nearest: 1, 5)");
    expect(wrong({ frames: 0 })).toThrow("got 0 (nearest: 1, 5)");
    expect(wrong({ width: Number.NaN })).toThrow("got NaN");
  });

  it("follow an image", () => {
    expect(sizeForImage({ width: 1920, height: 1080 }, 480 * 832, 16)).toEqual({ width: 832, height: 464 });
    expect(sizeForImage({ width: 1080, height: 1920 }, 480 * 832, 16)).toEqual({ width: 464, height: 832 });
    expect(() => sizeForImage({ width: 1, height: 100_000 }, 480 * 832, 16)).toThrow(/too narrow/);
    const side = fc.integer({ min: 100, max: 4000 });
    fc.assert(
      fc.property(side, side, (width, height) => {
        const size = sizeForImage({ width, height }, 720 * 1280, 16);
        checkVideoSize({ ...size, frames: 81 }, rule);
        expect(size.width * size.height).toBeLessThanOrEqual(720 * 1280 * 1.01);
      }),
    );
  });
});

describe("settings", () => {
  it("suit every published model", () => {
    for (const { id, sizes, frames, shift, steps, guidance } of WAN_SETTINGS) {
      for (const [width, height] of sizes) {
        checkVideoSize({ width, height, frames }, { multiple: id.includes("5b") ? 32 : 16, framesPerLatent: 4 });
        expect(shift(width, height)).toBe(shift(height, width));
        expect(scheduleFromConfig(
          { _class_name: "UniPCMultistepScheduler", prediction_type: "flow_prediction", use_flow_sigmas: true },
          { steps, shift: shift(width, height) },
        ).steps).toHaveLength(steps); // biome-ignore format: short
      }
      expect(guidance).toBeGreaterThan(1);
    }
  });

  it("are found by the facts of a folder", () => {
    const facts = { dim: 5120, inChannels: 16, imageEncoder: false, twoImages: false, twoTransformers: false };
    const id = (change: object) => wanSettings({ ...facts, ...change })?.id;
    expect(id({})).toBe("wan2.1-t2v-14b");
    expect(id({ dim: 1536 })).toBe("wan2.1-t2v-1.3b");
    expect(id({ dim: 3072, inChannels: 48 })).toBe("wan2.2-ti2v-5b");
    expect(id({ twoTransformers: true })).toBe("wan2.2-t2v-a14b");
    expect(id({ twoTransformers: true, inChannels: 36 })).toBe("wan2.2-i2v-a14b");
    expect(id({ inChannels: 36, imageEncoder: true })).toBe("wan2.1-i2v-14b");
    expect(id({ inChannels: 36, imageEncoder: true, twoImages: true })).toBe("wan2.1-flf2v-14b");
    expect(id({ dim: 256, inChannels: 8 })).toBeUndefined();
  });
});
