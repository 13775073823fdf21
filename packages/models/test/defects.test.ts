import { compilePlan, lowerPolicy, makeGeometry, resolveSpec } from "@spaattn/attention";
import { cpu } from "@spaattn/backend-cpu";
import { HostTensor } from "@spaattn/core";
import { describe, expect, it } from "vitest";
import { controlResidual } from "../src/flux.1/index.js";
import { type AdapterOptions, type AttentionCall, CacheRule, createModel } from "../src/index.js";

/*
 * Defects of the original (docs/corrections.md) as far as models are concerned: each test shows the corrected
 * behaviour, and that the reference behaviour differs.
 */

const planOf = (name: string, options: AdapterOptions, call: AttentionCall) =>
  compilePlan(createModel(name, options).attention(call));

const forcedOf = (options: AdapterOptions) => {
  const adapter = createModel("wan2.1-i2v-14b-720p", { rectify: "paper", neighbours: false, coverMass: 0, ...options });
  const size = { frames: 49, height: 320, width: 320 };
  const { geometry, behaviour, rectify, policy } = resolveSpec(adapter.attention({ layer: 5, step: 9, size }));
  const layout = adapter.layout(size);
  return { layout, ...lowerPolicy(policy, { geometry, behaviour, rectify, layout }) };
};

describe("no. 1: the first frame", () => {
  it("is the blocks that hold it, as a sink or dense, and only when asked for", () => {
    expect(forcedOf({}).forced).toBeUndefined();
    const { forced = new Uint8Array(), layout } = forcedOf({ firstFrame: "sink" });
    const n = Math.sqrt(forced.length);
    const blocks = [...layout.firstFrameBlocks];
    expect(blocks.length).toBeLessThan(n);
    for (let row = 0; row < n; row++)
      expect([...forced.subarray(row * n, row * n + n)].flatMap((on, j) => (on ? [j] : []))).toEqual(blocks);
    const dense = forcedOf({ firstFrame: "dense" }).forced ?? new Uint8Array();
    for (const row of blocks) expect(dense.subarray(row * n, row * n + n).every((on) => on === 1)).toBe(true);
  });

  it("is the first blocks of the curve in the original", () => {
    const { forced = new Uint8Array(), layout } = forcedOf({ behaviour: "reference" });
    const n = Math.sqrt(forced.length);
    const first = Math.floor(n / layout.grid[0]);
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) expect(forced[i * n + j]).toBe(i < first && j < first ? 1 : 0);
  });
});

it("no. 2: padding is not pooled, and blocks weigh what they hold", () => {
  const call = { layer: 5, step: 9 };
  const steps = (options: AdapterOptions) =>
    planOf("wan2.1-i2v-14b-720p", { rectify: "paper", ...options }, call).steps.map(({ step }) => step);
  expect(steps({})).toContainEqual(expect.objectContaining({ op: "pool", padding: "valid" }));
  expect(steps({})).toContainEqual(expect.objectContaining({ op: "estimate", weights: "valid" }));
  expect(steps({ behaviour: "reference" })).toContainEqual(expect.objectContaining({ op: "pool", padding: "zero" }));
  expect(steps({ behaviour: "reference" })).toContainEqual(expect.objectContaining({ weights: "uniform" }));
});

it.each(["hunyuanvideo", "flux.1-dev", "cogvideox1.5-t2v"])("no. 11: %s takes any number of visual tokens", (name) => {
  const size = { frames: name === "flux.1-dev" ? 1 : 9, height: 176, width: 304 };
  const call = { layer: 0, step: 20, size };
  const { geometry } = planOf(name, {}, call);
  expect(geometry.visualTokens % 128).not.toBe(0);
  // Text starts right behind the visual tokens, in a block of its own.
  expect(geometry.visualBlocks).toBe(Math.ceil(geometry.visualTokens / 128));
  expect(geometry.blocks).toBe(geometry.visualBlocks + Math.ceil(geometry.textTokens / 128));
  expect(() => planOf(name, { behaviour: "reference" }, call)).toThrow("docs/corrections.md#no-11");
});

it("no. 12: a drop rate keeps the blocks it says", () => {
  const top = (options: AdapterOptions) => {
    const spec = resolveSpec(createModel("hunyuanvideo", options).attention({ layer: 0, step: 0 }));
    const { geometry, behaviour, rectify, policy, layout } = spec;
    return lowerPolicy(policy, { geometry, behaviour, rectify, ...(layout ? { layout } : {}) }).topBlocks[0];
  };
  expect(top({})).toBe(180);
  expect(top({ behaviour: "reference" })).toBe(179);
});

it("no. 13: 129 frames have 33 latent frames", () => {
  const frames = (options: AdapterOptions, count: number) =>
    createModel("hunyuanvideo", options).geometry({ frames: count }).latent[0];
  expect([frames({}, 125), frames({}, 128), frames({}, 129)]).toEqual([32, 32, 33]);
  expect(frames({ behaviour: "reference" }, 129)).toBe(32);
});

describe("no. 14: the step cache", () => {
  const I2V = ["wan2.1-i2v-14b-480p", "wan2.1-i2v-14b-720p", "wan2.2-i2v-a14b"];

  it("has coefficients of its own for image-to-video", () => {
    const t2v = createModel("wan2.1-t2v-14b").stepCache.coefficients;
    const own = I2V.map((name) => createModel(name).stepCache.coefficients);
    expect(own[0][0]).toBe(257151.496);
    expect(own[1]).toEqual([8107.0546, 2133.93892, -372.934672, 16.6203073, -0.0417769401]);
    for (const name of I2V)
      expect(createModel(name, { behaviour: "reference" }).stepCache.coefficients, name).toEqual(t2v);
    for (const coefficients of own) expect(coefficients).not.toEqual(t2v);
  });

  it("can do without the retention window", () => {
    const without = createModel("wan2.1-t2v-14b", { stepCache: { retention: false } }).stepCache;
    expect(without.indicator).toBe("time embedding");
    expect(without.coefficients[0]).toBe(-5784.54975374);
    expect([without.firstSteps, without.lastStep]).toEqual([[1], true]);
    const experts = createModel("wan2.2-t2v-a14b", { stepCache: { retention: false } });
    // Each expert computes its first step; the last step of the generation is computed, not that of the first expert.
    const { schedule, stepCache } = experts;
    const rule = new CacheRule({ ...stepCache, coefficients: [0, 0, 0, 0, 0] }, schedule.steps);
    const computed = schedule.forwards.filter((forward) => rule.decide(forward, 0.1)).map(({ step }) => step);
    expect([...new Set(computed)]).toEqual([0, 13, 39]);
  });

  it("starts every generation afresh", async () => {
    const adapter = createModel("wan2.2-t2v-a14b", { architecture: { layers: 1 } });
    const backend = await cpu.create();
    const run = async () => {
      const session = adapter.session({ backend });
      const decisions: string[] = [];
      for (const forward of session) {
        const indicator = new HostTensor("f32", [2], Float32Array.of(1 + forward.step * 0.02, forward.expert + 1));
        const compute = await session.stepCache?.shouldCompute(indicator);
        decisions.push(`${forward.expert}.${forward.expertStep}.${forward.dense}.${compute}`);
      }
      expect(() => session.next()).toThrow("start a new session");
      session.dispose();
      return decisions;
    };
    const first = await run();
    // The second expert begins with its own dense step and its own window.
    expect(first[26]).toBe("1.0.true.true");
    expect(await run()).toEqual(first);
    backend.dispose();
  });
});

it("no. 15: the A14B models are sparse without being asked", () => {
  for (const name of ["wan2.2-t2v-a14b", "wan2.2-i2v-a14b"]) {
    const call = { layer: 10, step: 20 };
    expect(createModel(name).attention(call).dense, name).toBe(false);
    expect(createModel(name, { behaviour: "reference" }).attention(call).dense, name).toBe(true);
    expect(createModel(name, { sparse: false }).attention(call).dense, name).toBe(true);
  }
});

it("no. 16: ControlNet residuals meet their tokens", () => {
  const adapter = createModel("flux.1-dev", { textTokens: 3 });
  const layout = adapter.layout({ height: 64, width: 64 });
  const residual = new HostTensor(
    "f32",
    [16, 2],
    Float32Array.from({ length: 32 }, (_, i) => i + 1),
  );
  const aligned = controlResidual(residual, { layout, textTokens: 3 });
  expect(aligned?.shape).toEqual([19, 2]);
  for (let i = 0; i < 16; i++) expect(aligned?.data[2 * i]).toBe(2 * layout.curveToLinear[i] + 1);
  expect([...(aligned?.data.subarray(32) ?? [])]).toEqual([0, 0, 0, 0, 0, 0]);
  // The original adds it to the rows the visual tokens have left, unpermuted.
  const original = controlResidual(residual, { layout, textTokens: 3, behaviour: "reference" });
  expect([...(original?.data.subarray(0, 6) ?? [])]).toEqual([0, 0, 0, 0, 0, 0]);
  expect([...(original?.data.subarray(6) ?? [])]).toEqual([...residual.data]);
  // A ControlNet without residuals of a kind is no crash.
  expect(controlResidual(undefined, { layout, textTokens: 3 })).toBeUndefined();
  expect(() => controlResidual(new HostTensor("f32", [15, 2]), { layout, textTokens: 3 })).toThrow("[16, channels]");
});

it("no. 17: per-token modulation travels with the tokens", () => {
  const adapter = createModel("wan2.2-ti2v-5b");
  const size = { frames: 5, height: 128, width: 192 };
  const { visualTokens, grid } = adapter.geometry(size);
  const [, h, w] = grid;
  // With an image, the first latent frame is at timestep 0 and the others at t.
  const timesteps = Float32Array.from({ length: visualTokens }, (_, i) => (i < h * w ? 0 : 900));
  const moved = adapter.alongCurve(timesteps, size);
  const { curveToLinear } = adapter.layout(size);
  for (const [i, token] of curveToLinear.entries()) expect(moved[i]).toBe(token < h * w ? 0 : 900);
  expect(moved).not.toEqual(timesteps);
  expect(() => adapter.alongCurve(timesteps.subarray(1), size)).toThrow(RangeError);
});

it("has geometries the contract agrees with", () => {
  const { geometry } = planOf("cogvideox1.5-t2v", {}, { layer: 0, step: 10 });
  expect(geometry).toEqual(
    makeGeometry({ batch: 2, heads: 48, headDim: 64, visualTokens: 42240, textTokens: 226, blockSize: 128 }),
  );
});
