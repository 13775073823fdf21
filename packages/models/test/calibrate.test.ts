import { type Backend, keptBlocks } from "@spaattn/attention";
import { cpu } from "@spaattn/backend-cpu";
import { HostTensor, isSpaAttnError } from "@spaattn/core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { allocate, type Curve } from "../src/calibrate/allocate.js";
import { dropRateOf } from "../src/calibrate/calibrate.js";
import {
  type AdapterOptions,
  type CalibratedPreset,
  calibrate,
  createModel,
  evaluatePreset,
  parsePreset,
} from "../src/index.js";
import { syntheticCapture } from "./synthetic.js";

const OPTIONS: AdapterOptions = {
  size: { frames: 13, height: 192, width: 256 },
  architecture: { layers: 4, heads: 4, headDim: 16, rotary: { theta: 10_000, axes: [4, 6, 6] } },
  blockSize: 64,
};
const adapter = createModel("wan2.1-t2v-1.3b", OPTIONS);
const seen = [2, 3].flatMap((layer) => [1, 2].map((seed) => syntheticCapture(adapter, layer, 10 * layer + seed)));
const heldOut = [2, 3].flatMap((layer) => [3, 4].map((seed) => syntheticCapture(adapter, layer, 10 * layer + seed)));

describe("calibration", () => {
  let backend: Backend;
  let preset: CalibratedPreset;
  beforeAll(async () => {
    backend = await cpu.create();
    preset = await calibrate(adapter, seen, backend, { density: 0.25 });
  });
  afterAll(() => backend.dispose());

  it("beats the uniform setting on held-out captures at the same density", async () => {
    const { uniform, calibrated } = await evaluatePreset(adapter, preset, heldOut, backend);
    const percent = (100 * (1 - calibrated.error / uniform.error)).toFixed(1);
    console.log(
      `held out: uniform ${uniform.error.toFixed(4)}, calibrated ${calibrated.error.toFixed(4)} (${percent} % lower) ` +
        `at density ${calibrated.density.toFixed(3)}`,
    );
    expect(calibrated.density).toBeLessThanOrEqual(uniform.density);
    expect(calibrated.error).toBeLessThan(0.9 * uniform.error);
  });

  it("spends the budget it was given, and says what that buys", () => {
    const { uniform, calibrated } = preset.measured;
    expect(uniform.density).toBe(0.25);
    expect(calibrated.density).toBeLessThanOrEqual(0.25);
    expect(calibrated.density).toBeGreaterThan(0.22);
    expect(calibrated.error).toBeLessThan(uniform.error);
    expect(preset.measured.uniformDensityForSameError).toBeGreaterThan(0.25);
    expect(preset.provenance.captures).toHaveLength(4);
    expect(Object.keys(preset.layers)).toEqual(["2", "3"]);
  });

  it("measures what a run with the preset gives", async () => {
    const { uniform, calibrated } = await evaluatePreset(adapter, preset, seen, backend);
    expect(calibrated.error).toBeCloseTo(preset.measured.calibrated.error, 6);
    expect(uniform.error).toBeCloseTo(preset.measured.uniform.error, 6);
    expect(calibrated.density).toBeCloseTo(preset.measured.calibrated.density, 9);
  });

  it("reaches a target error with as few blocks as it can", async () => {
    const progress: number[] = [];
    const some = seen.slice(0, 2);
    const target = preset.measured.uniform.error;
    const onProgress = (done: number) => void progress.push(done);
    const made = await calibrate(adapter, some, backend, { targetError: target }, { onProgress });
    expect(made.measured.calibrated.error).toBeLessThanOrEqual(target);
    expect(made.measured.calibrated.density).toBeLessThan(made.measured.uniformDensityForSameError ?? 1);
    expect(made.measured.uniform.density).toBeGreaterThanOrEqual(made.measured.calibrated.density);
    expect(progress.at(-1)).toBe(1);
  });

  it("gives presets that adapters load, through JSON", () => {
    const loaded = createModel("wan2.1-t2v-1.3b", { ...OPTIONS, preset: JSON.parse(JSON.stringify(preset)) });
    expect(loaded.attention({ layer: 2, step: 9 }).policy).toEqual({ kind: "topBlocks", ...preset.layers[2] });
    expect(loaded.attention({ layer: 1, step: 9 }).policy).toEqual({ kind: "topBlocks", dropRate: 0.75 });
  });

  it.each<[string, () => unknown, string]>([
    ["model", () => createModel("wan2.1-t2v-14b", { ...OPTIONS, preset }), "it was made for wan2.1-t2v-1.3b, not for"],
    ["grid", () => createModel("wan2.1-t2v-1.3b", { ...OPTIONS, preset, size: {} }), "grid 4x12x16, not for 21x45x80"],
    [
      "block size",
      () => createModel("wan2.1-t2v-1.3b", { ...OPTIONS, preset, blockSize: 128 }),
      "blocks of 64, not of 128",
    ],
    [
      "mode",
      () => createModel("wan2.1-t2v-1.3b", { ...OPTIONS, preset, rectify: "paper" }),
      'rectify "tail", not with "paper"',
    ],
    [
      "grid of a call",
      () =>
        createModel("wan2.1-t2v-1.3b", { ...OPTIONS, preset }).attention({ layer: 0, step: 9, size: { frames: 5 } }),
      "not for 2x12x16",
    ],
  ])("refuses a preset of another %s", (_, use, message) => {
    expect(use).toThrow(RangeError);
    expect(use).toThrow(message);
  });

  it("refuses what is no preset file", () => {
    for (const broken of [
      null,
      {},
      { ...preset, format: "other" },
      { ...preset, version: 2 },
      { ...preset, grid: [1] },
      { ...preset, layers: { 2: { dropRate: [0.5] } } },
      { ...preset, layers: { 2: { dropRate: [0.5, 0.5, 0.5, 2] } } },
      { ...preset, otherLayers: {} },
    ])
      expect(() => parsePreset(broken)).toSatisfy((run: () => void) => {
        try {
          run();
          return false;
        } catch (error) {
          return isSpaAttnError(error, "MalformedFile");
        }
      });
  });

  it("refuses captures it cannot use", async () => {
    const [capture] = seen;
    const { grid, layer, ...bare } = capture;
    const wrong: [object, string][] = [
      [{ ...bare, layer }, "does not say its grid"],
      [{ ...bare, grid }, "does not say its layer"],
      [{ ...capture, layer: 4 }, "is of layer 4, but Wan2.1 T2V 1.3B has layers 0 to 3"],
      [{ ...capture, model: "flux.1-dev" }, "is of flux.1-dev, not of wan2.1-t2v-1.3b"],
      [{ ...capture, key: new HostTensor("f32", [1, 4, 5, 16]) }, "must have key of shape [1, 4, 768, 16]"],
    ];
    for (const [input, message] of wrong)
      await expect(calibrate(adapter, [input as never], backend, { density: 0.5 })).rejects.toThrow(message);
    const other = { ...capture, grid: [1, 24, 32] as const };
    await expect(calibrate(adapter, [capture, other], backend, { density: 0.5 })).rejects.toThrow("has grid 1x24x32");
    await expect(calibrate(adapter, [], backend, { density: 0.5 })).rejects.toThrow("there are none");
    await expect(calibrate(adapter, seen, backend, { density: 0 })).rejects.toThrow("density must be above 0");
    await expect(calibrate(adapter, seen, backend, { targetError: -1 })).rejects.toThrow("targetError");
    const nan = {
      ...capture,
      value: new HostTensor("f32", capture.value.shape, new Float32Array(768 * 64).fill(Number.NaN)),
    };
    await expect(calibrate(adapter, [nan], backend, { density: 0.5 })).rejects.toThrow("not finite");
  });
});

describe("allocation", () => {
  const convex = fc
    .array(fc.double({ min: 0.01, max: 1, noNaN: true }), { minLength: 1, maxLength: 5 })
    .map((gains) => [...gains].sort((a, b) => b - a))
    .map((gains): Curve => {
      const error = [gains.reduce((a, b) => a + b, 0)];
      for (const gain of gains) error.push(error[error.length - 1] - gain);
      return { blocks: error.map((_, i) => i + 1), error };
    });
  const total = (curves: readonly Curve[], kept: readonly number[]) =>
    curves.reduce((sum, { error }, i) => sum + error[kept[i] - 1], 0);

  it("is optimal for convex curves", () => {
    fc.assert(
      fc.property(fc.array(convex, { minLength: 1, maxLength: 4 }), fc.nat(12), (curves, extra) => {
        const budget = curves.length + extra;
        const kept = allocate(curves, budget);
        expect(kept.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(budget);
        const search = (i: number, left: number): number =>
          i === curves.length
            ? 0
            : Math.min(
                ...curves[i].blocks
                  .filter((k) => k - 1 <= left)
                  .map((k) => curves[i].error[k - 1] + search(i + 1, left - (k - 1))),
              );
        expect(total(curves, kept)).toBeCloseTo(search(0, extra), 9);
      }),
    );
  });

  it("looks past a step that gains nothing yet", () => {
    // The second block alone does not help; both together do.
    const late: Curve = { blocks: [1, 2, 3], error: [10, 10, 0] };
    const early: Curve = { blocks: [1, 2, 3], error: [3, 1, 0] };
    expect(allocate([late, early], 4)).toEqual([3, 1]);
  });

  it("keeps the blocks it counts, with either rounding", () => {
    for (const n of [1, 7, 12, 214, 591, 900])
      for (let k = 1; k <= n; k++)
        for (const behaviour of ["corrected", "reference"] as const)
          expect(keptBlocks(dropRateOf(k, n, behaviour), n, behaviour)).toBe(k);
  });
});
