import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createModel, findModel, modelNames, models, videoGeometry } from "../src/index.js";

it("lists every model under its name", () => {
  expect(modelNames).toEqual([
    "hunyuanvideo",
    "wan2.1-t2v-1.3b",
    "wan2.1-t2v-14b",
    "wan2.1-i2v-14b-480p",
    "wan2.1-i2v-14b-720p",
    "wan2.2-ti2v-5b",
    "wan2.2-t2v-a14b",
    "wan2.2-i2v-a14b",
    "flux.1-dev",
    "cogvideox1.5-t2v",
    "cogvideox1.5-i2v",
  ]);
  expect(findModel("Wan2.1-T2V-14B").title).toBe("Wan2.1 T2V 14B");
  expect(() => findModel("wan3")).toThrow("models are hunyuanvideo");
});

/** `[model, frames, height, width, t, h, w]`; the defaults are those of docs/models.md#table. */
const SIZES: [string, number, number, number, number, number, number][] = [
  ["hunyuanvideo", 128, 720, 1280, 32, 45, 80],
  ["hunyuanvideo", 129, 720, 1280, 33, 45, 80],
  ["hunyuanvideo", 129, 1280, 720, 33, 80, 45],
  ["hunyuanvideo", 61, 544, 960, 16, 34, 60],
  ["hunyuanvideo", 1, 720, 720, 1, 45, 45],
  ["wan2.1-t2v-1.3b", 81, 480, 832, 21, 30, 52],
  ["wan2.1-t2v-1.3b", 81, 832, 480, 21, 52, 30],
  ["wan2.1-t2v-14b", 81, 720, 1280, 21, 45, 80],
  ["wan2.1-t2v-14b", 129, 720, 1280, 33, 45, 80],
  ["wan2.1-i2v-14b-480p", 81, 480, 832, 21, 30, 52],
  ["wan2.1-i2v-14b-480p", 81, 624, 624, 21, 39, 39],
  ["wan2.1-i2v-14b-720p", 81, 1280, 720, 21, 80, 45],
  ["wan2.1-i2v-14b-720p", 1, 960, 960, 1, 60, 60],
  ["wan2.2-ti2v-5b", 121, 704, 1280, 31, 22, 40],
  ["wan2.2-ti2v-5b", 121, 1280, 704, 31, 40, 22],
  ["wan2.2-ti2v-5b", 1, 480, 832, 1, 15, 26],
  ["wan2.2-t2v-a14b", 81, 720, 1280, 21, 45, 80],
  ["wan2.2-t2v-a14b", 49, 480, 832, 13, 30, 52],
  ["wan2.2-i2v-a14b", 81, 720, 720, 21, 45, 45],
  ["flux.1-dev", 1, 4096, 4096, 1, 256, 256],
  ["flux.1-dev", 1, 1024, 1024, 1, 64, 64],
  ["flux.1-dev", 1, 1920, 1088, 1, 120, 68],
  ["cogvideox1.5-t2v", 81, 768, 1280, 11, 48, 80],
  ["cogvideox1.5-t2v", 161, 768, 1360, 21, 48, 85],
  ["cogvideox1.5-t2v", 129, 768, 1280, 17, 48, 80],
  ["cogvideox1.5-i2v", 1, 768, 768, 1, 48, 48],
  ["cogvideox1.5-i2v", 85, 1280, 768, 11, 80, 48],
];

describe("geometry", () => {
  it.each(SIZES)("%s at %i x %i x %i", (name, frames, height, width, t, h, w) => {
    const { grid, visualTokens } = createModel(name).geometry({ frames, height, width });
    expect(grid).toEqual([t, h, w]);
    expect(visualTokens).toBe(t * h * w);
  });

  it("covers every model", () => {
    expect(new Set(SIZES.map(([name]) => name))).toEqual(new Set(modelNames));
  });

  it.each([
    [
      "wan2.1-t2v-14b",
      { frames: 80 },
      "size.frames must be 4k+1 for Wan2.1 T2V 14B, got 80; the nearest valid ones are 77 and 81",
    ],
    ["wan2.1-t2v-14b", { frames: 0 }, "got 0; the nearest valid one is 1"],
    ["wan2.1-t2v-14b", { frames: 2.5 }, "got 2.5; the nearest valid ones are 1 and 5"],
    ["wan2.1-t2v-14b", { frames: Number.NaN }, "the smallest valid one is 1"],
    ["wan2.1-t2v-14b", { frames: Number.POSITIVE_INFINITY }, "the smallest valid one is 1"],
    [
      "wan2.1-t2v-14b",
      { height: 721 },
      "size.height must be a multiple of 16 for Wan2.1 T2V 14B, got 721; the nearest valid ones are 720 and 736",
    ],
    ["wan2.1-t2v-14b", { width: -16 }, "the nearest valid one is 16"],
    ["wan2.1-t2v-14b", { width: 0 }, "the nearest valid one is 16"],
    [
      "wan2.2-ti2v-5b",
      { height: 720 },
      "multiple of 32 for Wan2.2 TI2V 5B, got 720; the nearest valid ones are 704 and 736",
    ],
    ["hunyuanvideo", { frames: 126 }, "4k+1 or 4k for HunyuanVideo, got 126; the nearest valid ones are 125 and 128"],
    ["flux.1-dev", { frames: 5 }, "size.frames must be 1: Flux.1-dev makes images, got 5"],
    ["cogvideox1.5-t2v", { frames: 83 }, "the nearest valid ones are 81 and 85"],
  ])("%s refuses %o", (name, size, message) => {
    expect(() => createModel(name).layout(size)).toThrow(RangeError);
    expect(() => createModel(name).layout(size)).toThrow(message);
  });

  it("names valid sizes only, for any wrong one", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...models),
        fc.integer({ min: -50, max: 400 }),
        fc.integer({ min: -50, max: 5000 }),
        (card, frames, height) => {
          try {
            const { grid } = videoGeometry(card, { frames, height, width: 640 });
            expect(grid.every((side) => Number.isInteger(side) && side > 0)).toBe(true);
          } catch (error) {
            const { message } = error as RangeError;
            const [, list] = /nearest valid ones? (?:is|are) ([\d and]+)/.exec(message) ?? [];
            const name = message.startsWith("size.frames") ? "frames" : "height";
            const good = list ? list.split(" and ").map(Number) : [1];
            for (const value of good) {
              const size = { frames: card.frameRemainders ? 5 : 1, height: 640, width: 640, [name]: value };
              expect(() => videoGeometry(card, size)).not.toThrow();
            }
          }
        },
      ),
    );
  });

  it("puts text where the model has it", () => {
    const flux = createModel("flux.1-dev").layout({ height: 64, width: 64 });
    expect(flux.order).toHaveLength(16 + 512);
    // Attention sees the first visual token first; in the model's sequence it comes after 512 text tokens.
    expect(flux.order[0]).toBe(512);
    expect([...flux.order.subarray(16)]).toEqual(Array.from({ length: 512 }, (_, i) => i));
    const hunyuan = createModel("hunyuanvideo").layout({ frames: 5, height: 64, width: 64 });
    expect(hunyuan.order).toHaveLength(32 + 256);
    expect(hunyuan.order[0]).toBe(0);
    expect(hunyuan.order[32]).toBe(32);
    const wan = createModel("wan2.1-t2v-14b").layout({ frames: 5, height: 64, width: 64 });
    expect(wan.order).toHaveLength(32);
  });
});
