import fc from "fast-check";
import { expect, it } from "vitest";
import { imageToClip, type ResizeFilter, type RgbImage, resize } from "../src/index.js";

const black = (width: number, height: number): RgbImage => ({
  width,
  height,
  data: new Uint8Array(width * height * 3),
});

it("keeps a plain colour, whatever the sizes", () => {
  const side = fc.integer({ min: 1, max: 40 });
  const filters = fc.constantFrom<ResizeFilter>("bicubic", "lanczos");
  fc.assert(
    fc.property(side, side, side, side, filters, fc.nat(255), (w, h, width, height, filter, value) => {
      const image = { width: w, height: h, data: new Uint8Array(w * h * 3).fill(value) };
      expect(resize(image, width, height, filter).data.every((byte) => byte === value)).toBe(true);
      // Sums of coarser weights miss one by a little.
      const coarse = resize(image, width, height, filter, "torchvision").data;
      expect(coarse.every((byte) => Math.abs(byte - value) <= 1)).toBe(true);
    }),
  );
});

it("refuses wrong images and sizes", () => {
  expect(() => resize(black(2, 2), 0, 3, "bicubic")).toThrow(/width must be a positive integer, got 0/);
  expect(() => resize({ ...black(2, 2), width: 3 }, 4, 4, "bicubic")).toThrow(/takes 18 bytes, got 12/);
  expect(() => imageToClip({ width: 0, height: 2, data: new Uint8Array(0) })).toThrow(/positive size/);
});
