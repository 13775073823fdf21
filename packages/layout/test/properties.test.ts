import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type AxisOrder,
  blockNeighbours,
  firstFrameBlocks,
  type Grid,
  hilbertCurve,
  invertOrder,
  videoLayout,
} from "../src/index.js";

const size = fc.integer({ min: 1, max: 14 });
const grids = fc.tuple(size, size, size);
const orders = fc.constantFrom<AxisOrder>(
  "auto",
  ["w", "h", "t"],
  ["w", "t", "h"],
  ["h", "w", "t"],
  ["h", "t", "w"],
  ["t", "w", "h"],
  ["t", "h", "w"],
);
const cellOf = (index: number, [, h, w]: Grid) => [Math.floor(index / (h * w)), Math.floor(index / w) % h, index % w];

describe("any grid", () => {
  it("is visited once, in short steps", () => {
    fc.assert(
      fc.property(grids, orders, (grid, order) => {
        const curve = hilbertCurve(grid, order);
        expect(Int32Array.from(curve).sort()).toEqual(Int32Array.from(curve, (_, i) => i));
        for (let step = 1; step < curve.length; step++) {
          const [here, before] = [cellOf(curve[step], grid), cellOf(curve[step - 1], grid)];
          const distance = here.reduce((sum, x, i) => sum + Math.abs(x - before[i]), 0);
          expect(distance).toBeLessThanOrEqual(4);
        }
      }),
      { numRuns: 150 },
    );
  });

  it("starts at the origin and moves to a face neighbour each step when all sides are even", () => {
    const even = fc.integer({ min: 1, max: 7 }).map((x) => 2 * x);
    fc.assert(
      fc.property(fc.tuple(even, even, even), orders, (grid, order) => {
        const curve = hilbertCurve(grid, order);
        expect(curve[0]).toBe(0);
        for (let step = 1; step < curve.length; step++) {
          const [here, before] = [cellOf(curve[step], grid), cellOf(curve[step - 1], grid)];
          expect(here.reduce((sum, x, i) => sum + Math.abs(x - before[i]), 0)).toBe(1);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("has block neighbours as defined", () => {
    fc.assert(
      fc.property(grids, orders, fc.integer({ min: 1, max: 64 }), (grid, order, blockSize) => {
        const curve = hilbertCurve(grid, order);
        const n = Math.ceil(curve.length / blockSize);
        expect(blockNeighbours(curve, grid, blockSize)).toEqual(neighboursByDefinition(curve, grid, blockSize, n));
      }),
      { numRuns: 40 },
    );
  });

  it("has first-frame blocks as defined", () => {
    fc.assert(
      fc.property(grids, orders, fc.integer({ min: 1, max: 64 }), (grid, order, blockSize) => {
        const curve = hilbertCurve(grid, order);
        const expected = new Set<number>();
        for (const [position, cell] of curve.entries())
          if (cellOf(cell, grid)[0] === 0) expected.add(Math.floor(position / blockSize));
        expect([...firstFrameBlocks(curve, grid, blockSize)]).toEqual([...expected].sort((a, b) => a - b));
      }),
    );
  });

  it("gives an order and its inverse, text always behind at attention positions", () => {
    fc.assert(
      fc.property(
        grids,
        fc.nat(40),
        fc.constantFrom("behind" as const, "front" as const),
        fc.constantFrom("hilbert" as const, "raster" as const),
        (grid, textTokens, text, curve) => {
          const layout = videoLayout({ grid, textTokens, text, curve, blockSize: 16 });
          const visual = grid[0] * grid[1] * grid[2];
          expect(layout.order).toHaveLength(visual + textTokens);
          for (const [i, source] of layout.order.entries()) expect(layout.inverse[source]).toBe(i);
          const [visualStart, textStart] = text === "front" ? [textTokens, 0] : [0, visual];
          expect([...layout.order.subarray(visual)]).toEqual(
            Array.from({ length: textTokens }, (_, i) => textStart + i),
          );
          expect([...layout.order.subarray(0, visual)]).toEqual([...layout.curveToLinear].map((x) => x + visualStart));
          if (curve === "raster") expect([...layout.curveToLinear]).toEqual([...layout.curveToLinear.keys()]);
        },
      ),
    );
  });
});

it("inverts any permutation and refuses what is none", () => {
  const permutations = fc.nat(200).chain((n) => fc.shuffledSubarray([...Array(n).keys()], { minLength: n }));
  fc.assert(
    fc.property(permutations, (list) => {
      const order = Int32Array.from(list);
      expect(invertOrder(invertOrder(order))).toEqual(order);
    }),
  );
  expect(() => invertOrder(Int32Array.of(0, 2, 2))).toThrow("order[2] is 2");
  expect(() => invertOrder(Int32Array.of(0, -1))).toThrow(RangeError);
});

/** Section 7.3 word by word: some pair of cells of the two blocks differs by at most 1 along each axis. */
function neighboursByDefinition(curve: Int32Array, grid: Grid, blockSize: number, n: number): Uint8Array {
  const table = new Uint8Array(n * n);
  const cells = Array.from(curve, (cell) => cellOf(cell, grid));
  for (let a = 0; a < cells.length; a++)
    for (let b = 0; b < cells.length; b++)
      if (cells[a].every((x, i) => Math.abs(x - cells[b][i]) <= 1))
        table[Math.floor(a / blockSize) * n + Math.floor(b / blockSize)] = 1;
  return table;
}
