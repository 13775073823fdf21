import { expect, it } from "vitest";
import { colourOf, heatMap } from "../src/index.js";

const pixel = (rgba: Uint8ClampedArray, at: number) => Array.from(rgba.subarray(at * 4, at * 4 + 4));

it("draws row 0 on top, small values dark and large ones bright", () => {
  const { width, height, rgba } = heatMap([0, 1, 2, 4], 2, 2, { zoom: 2 });
  expect([width, height]).toEqual([4, 4]);
  expect(pixel(rgba, 0)).toEqual([...colourOf(0), 255]);
  expect(pixel(rgba, 2)).toEqual([...colourOf(0.25), 255]);
  expect(pixel(rgba, 15)).toEqual([...colourOf(1), 255]);
});

it("grows brighter with the value, for every reader", () => {
  const luminance = Array.from({ length: 50 }, (_, i) => {
    const [r, g, b] = colourOf(i / 49);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  });
  expect(luminance).toEqual([...luminance].sort((a, b) => a - b));
});

it("draws nothing but zeros, and values that are no numbers, without breaking", () => {
  expect(pixel(heatMap([0, 0], 1, 2).rgba, 1)).toEqual([...colourOf(0), 255]);
  expect(pixel(heatMap([Number.NaN, 1], 1, 2).rgba, 0)).toEqual([128, 128, 128, 255]);
  expect(pixel(heatMap([0, 0], 1, 2, { diverging: true }).rgba, 0)).toEqual([245, 244, 240, 255]);
});
