import { HostTensor } from "@spaattn/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildInputs, chooseGrid, decodeFrames, inputsFromCapture, measureQuality, tokenErrors } from "../src/index.js";
import { movingSquare } from "./clips.js";

const clip = movingSquare(12, 40, 56);

describe("buildInputs", () => {
  it("gives the same inputs for the same seed, and others for another", () => {
    const [a, b, c] = [3, 3, 4].map((seed) => buildInputs(clip, { heads: 2, maxTokens: 300, blockSize: 64, seed }));
    expect(a.query.data).toEqual(b.query.data);
    expect(a.query.data).not.toEqual(c.query.data);
  });

  it("normalises queries and keys to the head's gain", () => {
    const { query, heads } = buildInputs(clip, { heads: 4, maxTokens: 300 });
    const gain = Number(heads[1].split("×")[1]);
    const tokens = query.shape[2];
    const row = (query.data as Float32Array).subarray(tokens * 64, tokens * 64 + 64);
    const rms = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0) / 64);
    expect(rms).toBeCloseTo(gain, 4);
  });

  it("carries the pixels: decoding the values gives the clip back", () => {
    for (const headDim of [64, 128] as const) {
      const inputs = buildInputs(clip, { heads: 1, headDim, maxTokens: 900 });
      const frames = decodeFrames(inputs.value, inputs);
      const { size } = inputs.patches!;
      expect(frames).toMatchObject(size);
      // The clip is a flat background with a bright square: both must come back where they were.
      expect(Math.max(...frames.data)).toBeGreaterThan(240);
      expect(Math.min(...frames.data)).toBeLessThan(60);
    }
  });

  it("keeps to the token limit and the clip's proportions for any clip", () => {
    fc.assert(
      fc.property(
        fc.record({
          frames: fc.integer({ min: 1, max: 90 }),
          height: fc.integer({ min: 4, max: 400 }),
          width: fc.integer({ min: 4, max: 400 }),
        }),
        fc.integer({ min: 128, max: 20_000 }),
        (size, maxTokens) => {
          const [t, h, w] = chooseGrid({ ...size, data: new Uint8Array(0) }, [1, 4, 4], maxTokens);
          expect(t * h * w).toBeLessThanOrEqual(maxTokens);
          expect(Math.min(t, h, w)).toBeGreaterThanOrEqual(1);
          expect([t <= size.frames, h * 4 <= Math.max(4, size.height), w * 4 <= Math.max(4, size.width)]).toEqual([
            true,
            true,
            true,
          ]);
        },
      ),
    );
  });

  it("takes a single image and a clip shorter than a patch", () => {
    expect(buildInputs(movingSquare(1, 64, 64), { heads: 1, maxTokens: 256 }).patches!.grid).toEqual([1, 16, 16]);
    expect(buildInputs(movingSquare(1, 64, 64), { heads: 1, headDim: 128, maxTokens: 256 }).patches!.grid[0]).toBe(1);
  });

  it("names what is wrong", () => {
    expect(() => buildInputs({ ...clip, frames: 13 })).toThrow(/clip\.data has/);
    expect(() => buildInputs(clip, { headDim: 96 as never })).toThrow("headDim must be 64 or 128, got 96");
    expect(() => buildInputs(clip, { maxTokens: 10 })).toThrow(/maxTokens/);
    expect(() => buildInputs(clip, { heads: 0 })).toThrow(/heads/);
  });
});

describe("inputsFromCapture", () => {
  const tensor = (shape: number[]) =>
    new HostTensor(
      "f32",
      shape,
      Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => i),
    );

  it("puts raster tokens into curve order, text behind", () => {
    const query = tensor([1, 1, 18, 1]);
    const inputs = inputsFromCapture({ query, key: query, value: query, grid: [2, 2, 4], textTokens: 2 });
    const order = Array.from(inputs.query.data);
    expect(order.slice(16)).toEqual([16, 17]);
    expect(order.slice(0, 16)).toEqual(Array.from(inputs.spec.layout!.order.subarray(0, 16)));
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 18 }, (_, i) => i));
  });

  it("follows the capture's own axis order", () => {
    const query = tensor([1, 1, 16, 1]);
    const build = (axisOrder: ["w", "h", "t"] | ["t", "h", "w"], tokenOrder: "raster" | "curve") =>
      inputsFromCapture({ query, key: query, value: query, grid: [2, 2, 4], axisOrder, tokenOrder });
    expect(build(["t", "h", "w"], "raster").query.data).not.toEqual(build(["w", "h", "t"], "raster").query.data);
    expect(build(["t", "h", "w"], "curve").query.data).toEqual(query.data);
  });

  it("refuses what does not fit together", () => {
    const query = tensor([1, 1, 18, 1]);
    const build = (changes: object) => () => inputsFromCapture({ query, key: query, value: query, ...changes });
    expect(build({ key: tensor([1, 1, 17, 1]) })).toThrow(/key must have query's shape/);
    expect(build({ grid: [2, 2, 2] })).toThrow(/grid 2x2x2 does not hold the 18 visual tokens/);
    expect(build({ query: tensor([3]) })).toThrow(/must be \[batch, heads, tokens, headDim\]/);
  });
});

describe("metrics", () => {
  const inputs = buildInputs(clip, { heads: 2, maxTokens: 300 });
  const { value } = inputs;

  it("finds no error where there is none", () => {
    const { all } = measureQuality(value, value, inputs);
    expect([all.relL2, all.psnr]).toEqual([0, Infinity]);
    expect(all.cosine).toBeCloseTo(1, 12);
  });

  it("measures decibels on the pixels of the frames", () => {
    const { channels, deviation } = inputs.patches!;
    const worse = value.to("f32");
    const offsets = [0.1, 0.02, 0.3];
    for (let i = 0; i < worse.length; i++) if (i % 64 < channels) worse.data[i] += offsets[(i % 64) % 3];
    const square = offsets.reduce((sum, x, colour) => sum + (x * deviation[colour]) ** 2 / 3, 0);
    expect(measureQuality(worse, value, inputs).all.psnr).toBeCloseTo(10 * Math.log10(255 ** 2 / square), 3);
  });

  it("measures a known error, per head and per token", () => {
    const worse = value.to("f32");
    const tokens = value.shape[2];
    // The last token of head 1, in attention order, is off by 3 in one channel.
    worse.data[(2 * tokens - 1) * 64] += 3;
    const { heads } = measureQuality(worse, value, inputs);
    expect(heads[0].relL2).toBe(0);
    const norm = Math.sqrt((value.data as Float32Array).subarray(tokens * 64).reduce((sum, x) => sum + x * x, 0));
    expect(heads[1].relL2).toBeCloseTo(3 / norm, 5);
    const errors = tokenErrors(worse, value, inputs, 1);
    const at = inputs.spec.layout!.order[tokens - 1];
    expect(errors[at]).toBeCloseTo(3, 5);
    expect(errors.reduce((sum, x) => sum + x, 0)).toBeCloseTo(3, 5);
  });
});
