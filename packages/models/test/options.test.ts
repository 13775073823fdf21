import { cpu } from "@spaattn/backend-cpu";
import { HostTensor } from "@spaattn/core";
import { afterAll, describe, expect, it } from "vitest";
import { CacheRule, calibrate, createModel, modelNames } from "../src/index.js";

const backend = await cpu.create({ threads: 1 });
afterAll(() => backend.dispose());

describe("options of a model", () => {
  it.each<[object, RegExp]>([
    [{ droprate: 0.5 }, /options.droprate is not known; options has size, preset/],
    [{ dropRate: "0.5" }, /dropRate must be between 0 and 1, got "0.5"/],
    [{ dropRate: null }, /dropRate must not be null/],
    [{ dropRate: 2 }, /dropRate must be between 0 and 1, got 2/],
    [{ coverMass: -1 }, /coverMass must be between 0 and 1, got -1/],
    [{ preset: 5 }, /preset must be "quality", "balanced", "fast" or a calibrated preset, got 5/],
    [{ preset: "best" }, /preset must be/],
    [{ size: { frame: 81 } }, /size.frame is not known; size has frames, height, width/],
    [{ size: { frames: "81" } }, /size.frames must be .*got "81"/],
    [{ neighbours: "no" }, /neighbours must be true or false, got "no"/],
    [{ sparse: 0 }, /sparse must be true or false, got 0/],
    [{ guidance: 6 }, /guidance must be true or false, got 6/],
    [{ firstFrame: "foo" }, /firstFrame must be false or "sink" or "dense", got "foo"/],
    [{ firstFrame: true }, /firstFrame must be .*got true/],
    [{ policy: { kind: "topK" } }, /policy.kind must be topBlocks/],
    [
      { policy: { kind: "union", of: [{ kind: "coverMass", mass: 2 }] } },
      /policy.of\[0\].mass must be between 0 and 1/,
    ],
    [{ rectify: "magic" }, /rectify must be .*got "magic"/],
    [{ tail: { stratas: 1 } }, /tail.stratas is not known/],
    [{ blockSize: 96 }, /blockSize must be 64 or 128, got 96/],
    [{ dtype: "f8" }, /dtype must be .*got "f8"/],
    [{ textTokens: -1 }, /textTokens must be a non-negative integer, got -1/],
    [{ denseLayers: 2 }, /denseLayers must be a list of numbers, got 2/],
    [{ denseSteps: "5" }, /denseSteps must be a list of numbers, got "5"/],
    [{ steps: "50" }, /steps must be an integer of at least 1, got "50"/],
    [{ timesteps: [1, "2"] }, /timesteps\[1\] must be a number, got "2"/],
    [{ stepCache: { treshold: 0.1 } }, /stepCache.treshold is not known/],
    [{ stepCache: { coefficients: [1, Number.NaN] } }, /stepCache.coefficients\[1\] must be a number, got NaN/],
    [{ architecture: { depth: 2 } }, /architecture.depth is not known/],
  ])("%j is refused by name", (options, message) => {
    expect(() => createModel("wan2.1-t2v-14b", options as never).geometry()).toThrow(message);
  });

  it("undefined is left out", () => {
    const plain = createModel("wan2.1-t2v-14b");
    const same = createModel("wan2.1-t2v-14b", { dropRate: undefined, preset: undefined, policy: undefined } as never);
    expect(same.settings.dropRate).toBe(plain.settings.dropRate);
  });

  it("a calibration's target says one thing", async () => {
    const adapter = createModel("wan2.1-t2v-1.3b");
    for (const [target, message] of [
      [{}, /target must say density or targetError, got {}/],
      [{ density: 0.2, targetError: 0.1 }, /target must say density or targetError/],
      [{ dens: 0.2 }, /target.dens is not known/],
      [null, /target must be an object, got null/],
    ] as const)
      await expect(calibrate(adapter, [], backend, target as never)).rejects.toThrow(message);
  });
});

describe("a step cache", () => {
  const trace = async (
    model: string,
    threshold: number,
    changes: (step: number) => number,
    behaviour = "corrected",
  ) => {
    const adapter = createModel(model, { steps: 12, stepCache: { threshold }, behaviour: behaviour as never });
    const session = adapter.session({ backend });
    let text = "";
    for (const forward of session) {
      const indicator = new HostTensor("f32", [8], new Float32Array(8).fill(changes(forward.step)));
      text += (await session.stepCache!.shouldCompute(indicator)) ? "C" : ".";
    }
    return text;
  };

  it.each(modelNames)("of %s computes everything at threshold 0, whatever its fit says", async (model) => {
    for (const behaviour of ["corrected", "reference"])
      for (const changes of [() => 1, (step: number) => 1 + step / 1000, (step: number) => (-1) ** step * (1 + step)])
        expect(await trace(model, 0, changes, behaviour), behaviour).not.toContain(".");
  });

  it("takes a fit that predicts less than no change for no change, and saves nothing up from it", () => {
    const settings = (negative: "ignored" | "kept") => ({
      ...createModel("wan2.1-t2v-14b", { stepCache: { threshold: 0.2 } }).stepCache,
      coefficients: [1, -0.3],
      firstSteps: [0],
      negative,
    });
    const forward = (step: number) => ({
      index: step,
      step,
      branch: "conditional" as const,
      expert: 0,
      expertStep: step,
      dense: false,
    });
    // Predicted: -0.3 four times, then 0.15 twice.
    const changes = [undefined, 0, 0, 0, 0, 0.45, 0.45];
    const run = (negative: "ignored" | "kept") => {
      const rule = new CacheRule(settings(negative), 20);
      return changes.map((change, i) => (rule.decide(forward(i), change) ? "C" : ".")).join("");
    };
    expect(run("ignored")).toBe("C.....C");
    expect(run("kept")).toBe("C......");
    expect(createModel("wan2.1-t2v-14b").stepCache.negative).toBe("ignored");
    expect(createModel("wan2.1-t2v-14b", { behaviour: "reference" }).stepCache.negative).toBe("kept");
  });

  it("skips no more at a lower threshold", async () => {
    const skipped = async (threshold: number) =>
      [...(await trace("wan2.1-t2v-14b", threshold, (step) => 1 + 0.03 * step))].filter((x) => x === ".").length;
    const counts = await Promise.all([0, 1e-6, 0.05, 0.2, 1].map(skipped));
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(counts[0]).toBe(0);
  });
});
