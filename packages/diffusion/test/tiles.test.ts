import type { HostTensor } from "@spaattn/core";
import { wanVaeConfig } from "@spaattn/networks";
import { reference } from "@spaattn/reference";
import { openWeights, readJson } from "@spaattn/weights";
import { directoryFolder } from "@spaattn/weights/node";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeFlop, decodeTiled, decodeWhole, type PixelSink } from "../src/generate/decode.js";
import { ProgressMeter } from "../src/generate/progress.js";
import { type Block, TileBlender, tileSpans } from "../src/generate/tiles.js";
import { WeightStore } from "../src/generate/weight-store.js";
import { normalizeLatents } from "../src/index.js";
import { golden, readGolden, relativeError } from "./golden.js";

/** A sink that fills planes `[3, frames, height, width]`, as golden files have them. */
const planeSink =
  (data: Float32Array, frames: number, height: number, width: number): PixelSink =>
  (block, at) => {
    for (let i = 0; i < block.data.length; i++) {
      const cell = Math.floor(i / 3);
      const [x, row] = [cell % block.width, Math.floor(cell / block.width)];
      const frame = at.frame + Math.floor(row / block.height);
      data[(((i % 3) * frames + frame) * height + at.y + (row % block.height)) * width + at.x + x] = block.data[i];
    }
  };

describe("decoding in tiles", () => {
  it.for(["wan_t2v/vae", "wan_ti2v/vae"])("%s gives the golden frames", async (path, ctx) => {
    const folder = directoryFolder(golden(ctx, path));
    const { tensors, metadata } = await readGolden(golden(ctx, `${path}/golden.safetensors`));
    const config = wanVaeConfig((await readJson(folder, "config.json")) ?? {});
    const device = await reference.create();
    const store = await WeightStore.open(await openWeights(folder), device);
    const context = { device, store, config, dtype: "f32" as const };
    const z = tensors.get("tiled_z") as HostTensor;
    const expected = tensors.get("tiled_decoded") as HostTensor;
    const [, , frames, height, width] = z.shape;
    const size = { frames, height, width };
    const task = { context, size, latents: normalizeLatents(z.toFloat32(), config) };
    const rule = JSON.parse(metadata.tiling);
    const tiles = { size: rule.tile_sample_min_height, stride: rule.tile_sample_stride_height };
    const [, , pixelFrames, h, w] = expected.shape;

    let done = 0;
    const meter = new ProgressMeter(decodeFlop(context, size, tiles), (progress) => {
      done = progress.done;
    });
    const tiled = new Float32Array(expected.length).fill(Number.NaN);
    await decodeTiled(task, tiles, meter, planeSink(tiled, pixelFrames, h, w));
    expect(relativeError(tiled, expected.toFloat32())).toBeLessThan(2e-3);
    expect(done).toBeCloseTo(1, 9);

    const whole = new Float32Array(expected.length).fill(Number.NaN);
    await decodeWhole(task, new ProgressMeter(1, undefined), planeSink(whole, pixelFrames, h, w));
    const worst = whole.reduce((most, value, i) => Math.max(most, Math.abs(value - tiled[i])), 0);
    const [known] = (tensors.get("untiled_minus_tiled_absmax") as HostTensor).toFloat32();
    expect(worst / known).toBeCloseTo(1, 3);
    await store.dispose();
  });

  it("joins tiles of one picture to that picture, whatever the sizes", () => {
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
});
