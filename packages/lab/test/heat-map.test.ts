import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { colourOf, divergingColour, heatMap } from "../src/index.js";

/** Relative luminance (WCAG), what a reader sees without colours. */
const luminance = (colour: readonly number[]) =>
  colour
    .map((byte) => (byte <= 10 ? byte / 3294 : ((byte / 255 + 0.055) / 1.055) ** 2.4))
    .reduce((sum, x, c) => sum + x * [0.2126, 0.7152, 0.0722][c], 0);

describe("heat maps", () => {
  it("grow brighter with the value, so that they read without colour", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.97, noNaN: true }), (value) => {
        expect(luminance(colourOf(value + 0.03))).toBeGreaterThan(luminance(colourOf(value)));
      }),
    );
    expect([colourOf(-5), colourOf(7)]).toEqual([colourOf(0), colourOf(1)]);
    expect(colourOf(Number.NaN)).toEqual([128, 128, 128]);
  });

  it("put row 0 on top and repeat cells", () => {
    const { width, height, rgba } = heatMap([0, 1, 2, 4], 2, 2, { zoom: 3 });
    expect([width, height, rgba.length]).toEqual([6, 6, 144]);
    const pixel = (x: number, y: number) => [...rgba.subarray((y * 6 + x) * 4, (y * 6 + x) * 4 + 4)];
    expect(pixel(0, 0)).toEqual([...colourOf(0), 255]);
    expect(pixel(5, 2)).toEqual([...colourOf(0.25), 255]);
    expect(pixel(2, 3)).toEqual([...colourOf(0.5), 255]);
    expect(pixel(5, 5)).toEqual([...colourOf(1), 255]);
  });

  it("cover four decades on a log scale, and show signs when diverging", () => {
    const log = heatMap([1, 1e-2, 1e-4, 0], 1, 4, { scale: "log" }).rgba;
    const at = (i: number) => [...log.subarray(4 * i, 4 * i + 3)];
    expect([at(0), at(1), at(2), at(3)]).toEqual([colourOf(1), colourOf(0.5), colourOf(0), colourOf(0)]);
    const signed = heatMap([-2, 0, 2], 1, 3, { diverging: true }).rgba;
    expect([...signed.subarray(0, 3), ...signed.subarray(8, 11)]).toEqual([
      ...divergingColour(-1),
      ...divergingColour(1),
    ]);
  });

  it("draw nothing but zeros, and values that are no numbers, without breaking", () => {
    for (const scale of ["linear", "log"] as const)
      expect([...heatMap([0, 0], 1, 2, { scale }).rgba]).toEqual([...colourOf(0), 255, ...colourOf(0), 255]);
    expect([...heatMap([0], 1, 1, { diverging: true }).rgba]).toEqual([...divergingColour(0), 255]);
    expect([...heatMap([Number.NaN, 1], 1, 2).rgba.subarray(0, 4)]).toEqual([128, 128, 128, 255]);
  });
});
