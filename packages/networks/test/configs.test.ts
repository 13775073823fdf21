import { isSpaAttnError, type SpaAttnErrorCode } from "@spaattn/core";
import { Builder } from "@spaattn/nn";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  clipVisionConfig,
  relativeBucket,
  rotaryTables,
  t5Config,
  wanAxes,
  wanConfig,
  wanTransformer,
  wanVaeConfig,
} from "../src/index.js";

function expectRefusal(make: () => unknown, code: SpaAttnErrorCode, text: RegExp): void {
  let caught: unknown;
  try {
    make();
  } catch (error) {
    caught = error;
  }
  if (!isSpaAttnError(caught, code)) throw new Error(`expected ${code}, got ${String(caught)}`);
  expect(caught.message).toMatch(text);
}

// What the numbers mean is checked by the golden models, which `@spaattn/diffusion/verify` runs.
describe("configurations", () => {
  it("take the defaults of their classes", () => {
    expect(wanConfig({})).toMatchObject({ layers: 40, dim: 5120, ffnDim: 13824, patch: [1, 2, 2] });
    expect(wanVaeConfig({})).toMatchObject({
      zDim: 16,
      spatialFactor: 8,
      temporalFactor: 4,
      channels: 3,
      decoderDim: 96,
    });
    expect(t5Config({ model_type: "umt5", feed_forward_proj: "gated-gelu" })).toMatchObject({
      biasPerLayer: true,
      buckets: 32,
    });
    expect(clipVisionConfig({ hidden_act: "gelu" })).toMatchObject({ imageSize: 224, activation: "gelu-erf" });
  });

  it("name the key that is wrong", () => {
    expectRefusal(() => wanConfig({ num_layers: 0 }), "MalformedFile", /num_layers must be a positive integer, got 0/);
    expectRefusal(
      () => wanConfig({ patch_size: [1, 2] }),
      "MalformedFile",
      /patch_size must be three positive integers/,
    );
    expectRefusal(() => wanConfig({ attention_head_dim: 63 }), "MalformedFile", /attention_head_dim must be even/);
    expectRefusal(() => wanConfig({ added_kv_proj_dim: 7 }), "MalformedFile", /added_kv_proj_dim must be 5120, got 7/);
    expectRefusal(() => wanConfig({ _class_name: "Flux" }), "Unsupported", /_class_name "Flux"/);
    expectRefusal(
      () => wanVaeConfig({ temperal_downsample: [true] }),
      "MalformedFile",
      /temperal_downsample must be 3 flags/,
    );
    expectRefusal(() => wanVaeConfig({ in_channels: 12 }), "Unsupported", /out_channels 3/);
    expectRefusal(() => wanVaeConfig({ in_channels: 12, out_channels: 12 }), "MalformedFile", /in_channels must be 3/);
    expectRefusal(() => wanVaeConfig({ latents_mean: [1] }), "MalformedFile", /latents_mean must be 16 numbers/);
    expectRefusal(() => t5Config({ model_type: "bert" }), "Unsupported", /model_type "bert"/);
    expectRefusal(() => clipVisionConfig({ vision_config: { hidden_act: "relu" } }), "Unsupported", /hidden_act/);
  });
});

describe("tables", () => {
  it("split heads among the axes as published", () => {
    for (const [headDim, widths] of [[128, [44, 42, 42]], [64, [24, 20, 20]], [32, [12, 10, 10]]] as const)
      expect(wanAxes(headDim).widths).toEqual(widths); // biome-ignore format: a table
  });

  it("turn by angles that depend on one position each", () => {
    const { cos, sin, tokens, half } = rotaryTables([2, 3, 4], wanAxes(32));
    expect([tokens, half]).toEqual([24, 16]);
    const token = (t: number, h: number, w: number) => (t * 3 + h) * 4 + w;
    for (let i = 0; i < half; i++) {
      const axis = i < 6 ? 1 : i < 11 ? 2 : 3;
      const at = token(1, 2, 3) * half + i;
      const k = axis === 1 ? i / 6 : (i - (axis === 2 ? 6 : 11)) / 5;
      expect(Math.atan2(sin[at], cos[at])).toBeCloseTo(axis * 10_000 ** -k, 5);
    }
  });

  it("put distances into buckets that grow with them, on two sides", () => {
    fc.assert(
      fc.property(fc.nat(2000), fc.nat(2000), (a, b) => {
        const [near, far] = [Math.min(a, b), Math.max(a, b)];
        expect(relativeBucket(-near)).toBeLessThanOrEqual(relativeBucket(-far));
        expect(relativeBucket(-far)).toBeLessThan(16);
        if (near > 0) expect(relativeBucket(near)).toBe(relativeBucket(-near) + 16);
      }),
    );
  });
});

it("the transformer refuses latents that its patches or positions do not fit", () => {
  const record = (shape: number[], config: object = {}) => {
    const g = new Builder();
    wanTransformer(g, wanConfig({ num_layers: 1, ...config }), {
      latents: g.input("latents", "f32", shape),
      timestep: g.input("timestep", "f32", [1, 1]),
      text: g.input("text", "f32", [1, 512, 4096]),
    });
  };
  expect(() => record([1, 16, 3, 5, 6])).toThrow(/are not divided by patches \[1, 2, 2\]/);
  expect(() => record([1, 15, 3, 4, 6])).toThrow(/latents must have shape \[batch, 16, frames, height, width\]/);
  expect(() => record([1, 16, 3, 4, 6], { rope_max_seq_len: 2 })).toThrow(/axis 0 of the token grid has 3 positions/);
});
