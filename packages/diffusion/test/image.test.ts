import fc from "fast-check";
import { expect, it } from "vitest";
import { imageToClip, imageToPlanes, type ResizeFilter, type RgbImage, resize } from "../src/index.js";
import { golden, readGolden, relativeError } from "./golden.js";

const black = (width: number, height: number): RgbImage => ({
  width,
  height,
  data: new Uint8Array(width * height * 3),
});

it("resizes and normalises as Pillow and transformers do", async (ctx) => {
  const { tensors } = await readGolden(golden(ctx, "image_ops/golden.safetensors"));
  const { shape, data } = tensors.get("source") ?? ctx.skip("no source");
  const source = { width: shape[1], height: shape[0], data: data as Uint8Array };
  const seen = new Set<string>();
  for (const [name, expected] of tensors) {
    const [kind] = name.split("_");
    const [width, height = width] = (/(\d+)(x(\d+))?$/.exec(name) ?? [])
      .filter((part) => /^\d+$/.test(part ?? ""))
      .slice(-2)
      .map(Number);
    if (kind === "bicubic" || kind === "lanczos")
      expect([name, resize(source, width, height, kind).data]).toEqual([name, expected.data]);
    else if (kind === "vae")
      expect(relativeError(imageToPlanes(source, width, height), expected.toFloat32())).toBeLessThan(1e-6);
    else if (kind === "clip")
      expect(relativeError(imageToClip(source, expected.shape[2]), expected.toFloat32())).toBeLessThan(1e-6);
    seen.add(kind);
  }
  expect(seen).toEqual(new Set(["source", "bicubic", "lanczos", "vae", "clip"]));
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
