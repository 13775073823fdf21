import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { runReadme } from "../../../tooling/readme-example.js";
import { blockNeighbours, type Grid, hilbertCurve, rasterOrder, resolveAxisOrder, videoLayout } from "../src/index.js";

it("covers a whole video of 118,800 tokens", () => {
  const grid: Grid = [33, 45, 80];
  const layout = videoLayout({ grid, textTokens: 256 });
  expect(layout.order).toHaveLength(118_800 + 256);
  expect(new Set(layout.curveToLinear).size).toBe(118_800);
  const n = 929;
  expect(layout.neighbours).toHaveLength(n * n);
  expect(layout.neighbours).toBe(layout.neighbours);
  const density = layout.neighbours.reduce((sum, x) => sum + x, 0) / (n * n);
  expect(density).toBeGreaterThan(1 / n);
  expect(density).toBeLessThan(0.08);
});

it("takes the longest axis first in automatic order", () => {
  expect(resolveAxisOrder("auto", [4, 6, 5])).toEqual(["h", "w", "t"]);
  expect(resolveAxisOrder("auto", [6, 6, 5])).toEqual(["h", "w", "t"]);
  expect(resolveAxisOrder("auto", [9, 6, 5])).toEqual(["t", "w", "h"]);
  expect(resolveAxisOrder("auto", [3, 3, 3])).toEqual(["w", "h", "t"]);
  expect(hilbertCurve([3, 20, 4], "auto")).toEqual(hilbertCurve([3, 20, 4], ["h", "w", "t"]));
});

it.each([
  [() => hilbertCurve([0, 4, 4]), "grid[0] (t) must be a positive integer, got 0"],
  [() => hilbertCurve([1, 2.5, 4]), "grid[1] (h)"],
  [() => hilbertCurve([1, 2, Number.NaN]), "grid[2] (w)"],
  [() => hilbertCurve([1, 2] as unknown as Grid), "grid must be [t, h, w]"],
  [() => rasterOrder([2000, 2000, 2000]), "at most 2147483647"],
  [() => hilbertCurve([2, 2, 2], ["w", "w", "t"]), "axisOrder"],
  [() => blockNeighbours(rasterOrder([1, 2, 2]), [1, 2, 3], 4), "grid 1x2x3 has 6"],
  [() => blockNeighbours(Int32Array.of(0, 0), [1, 1, 2], 4), "order[1] is 0"],
  [() => videoLayout({ grid: [1, 2, 2], blockSize: 0 }), "blockSize must be a positive integer"],
  [() => videoLayout({ grid: [1, 2, 2], textTokens: -1 }), "textTokens must be a non-negative integer"],
  [() => videoLayout({ grid: [1, 2, 2], text: "left" as never }), "text must be"],
  [() => videoLayout({ grid: [1, 2, 2], curve: "peano" as never }), "curve must be"],
])("refuses wrong arguments: %#", (call, message) => {
  expect(call).toThrow(RangeError);
  expect(call).toThrow(message);
});

it("runs the example of the README", async () => {
  const lines = await runReadme(fileURLToPath(new URL("..", import.meta.url)));
  expect(lines).toEqual([
    "32x45x80: 115200 visual tokens in 900 blocks",
    "a block touches 18.7 blocks on average",
    "154 blocks hold tokens of the first frame",
  ]);
});
