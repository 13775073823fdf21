import { wanVaeConfig } from "@spaattn/networks";
import { reference } from "@spaattn/reference";
import { openWeights, readJson } from "@spaattn/weights";
import { directoryFolder } from "@spaattn/weights/node";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encoderTiles, encodeVideo } from "../src/generate/encode.js";
import { cutPlanes } from "../src/generate/planes.js";
import { ProgressMeter } from "../src/generate/progress.js";
import { type Block, TileBlender, type TileRule, tileSpans } from "../src/generate/tiles.js";
import { WeightStore } from "../src/generate/weight-store.js";
import { relativeError } from "../src/verify/check.js";
import { golden } from "./golden.js";

describe("tiles", () => {
  it("of one picture are joined to that picture, whatever the sizes", () => {
    const side = fc.integer({ min: 1, max: 30 });
    fc.assert(
      fc.property(side, side, fc.integer({ min: 1, max: 9 }), fc.nat(8), (height, width, stride, overlap) => {
        const rule = { size: stride + Math.min(overlap, stride), stride };
        const value = (y: number, x: number) => Math.sin(y * 31 + x);
        const [rows, columns] = [tileSpans(height, rule), tileSpans(width, rule)];
        const blender = new TileBlender(rule, columns.length);
        const seen = new Float32Array(height * width).fill(Number.NaN);
        for (const y of rows)
          for (const x of columns) {
            const data = Float32Array.from({ length: y.length * x.length }, (_, i) =>
              value(y.start + Math.floor(i / x.length), x.start + (i % x.length)),
            );
            const tile: Block = { frames: 1, height: y.length, width: x.length, channels: 1, data };
            const part = blender.add(tile);
            part.data.forEach((one, i) => {
              seen[(y.start + Math.floor(i / part.width)) * width + x.start + (i % part.width)] = one;
            });
          }
        seen.forEach((one, i) => {
          expect(one).toBeCloseTo(value(Math.floor(i / width), i % width), 5);
        });
      }),
    );
    expect(() => tileSpans(10, { size: 4, stride: 5 })).toThrow(/cannot begin every 5/);
  });

  it("of a video are encoded one by one and faded over each other", async (ctx) => {
    const folder = directoryFolder(golden(ctx, "wan_ti2v/vae"));
    const config = wanVaeConfig((await readJson(folder, "config.json")) ?? {});
    const device = await reference.create();
    const store = await WeightStore.open(await openWeights(folder), device);
    const context = { device, store, config, dtype: "f32" as const };
    const size = { frames: 2, height: 2, width: 6 };
    const [h, w] = [size.height * config.spatialFactor, size.width * config.spatialFactor];
    const video = Float32Array.from({ length: 3 * 5 * h * w }, (_, i) => Math.sin((i % w) / 9 + Math.floor(i / w) / 7));
    const meter = new ProgressMeter(1, undefined);
    const encode = (of: typeof size, pixels: Float32Array, tiles?: TileRule) =>
      encodeVideo({ context, size: of, video: pixels }, tiles, meter);
    const whole = await encode(size, video);
    expect(await encode(size, video, { size: 6, stride: 6 })).toEqual(whole);

    // Tiles of 4 begin at 0, 2 and 4 and overlap by 2: the first column of an overlap is the old one, the second half new.
    const column = (latents: Float32Array, width: number, x: number) => latents.filter((_, i) => i % width === x);
    const [a, b, c] = await Promise.all(
      [[0, 4], [2, 4], [4, 2]].map(async ([x, width]) => {
        const pixels = { height: h, width: width * config.spatialFactor };
        const cut = cutPlanes(video, { height: h, width: w }, pixels, 0, x * config.spatialFactor);
        const latents = await encode({ ...size, width }, cut);
        return (at: number) => column(latents, width, at);
      }),
    ); // biome-ignore format: tiles as pairs
    const half = (x: Float32Array, y: Float32Array) => x.map((value, i) => (value + y[i]) / 2);
    const expected = [a(0), a(1), a(2), half(a(3), b(1)), b(2), half(b(3), c(1))];
    const tiled = await encode(size, video, { size: 4, stride: 2 });
    for (const [x, values] of expected.entries()) expect(relativeError(column(tiled, 6, x), values)).toBeLessThan(1e-6);
    expect(encoderTiles(context, { ...size, height: 40 }, true)).toEqual({ size: 32, stride: 24 });
    expect(encoderTiles(context, size, true)).toBeUndefined();
    expect(encoderTiles({ ...context, memoryLimit: 1000 }, { ...size, height: 40 }, "auto")).toEqual({
      size: 32,
      stride: 24,
    });
    expect(encoderTiles(context, { ...size, height: 40 }, "auto")).toBeUndefined();
    await store.dispose();
  });
});
