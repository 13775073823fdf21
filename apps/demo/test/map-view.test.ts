import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { revealCell, wholeMap, zoomMap } from "../src/state/map-view.js";

describe("the window of the maps", () => {
  it("stays inside the map and keeps the cell in sight, however one zooms", () => {
    const move = fc.record({ factor: fc.constantFrom(0.5, 2, 0.7), row: fc.nat(199), column: fc.nat(199) });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.array(move), (blocks, moves) => {
        let view = wholeMap(blocks);
        for (const { factor, row, column } of moves) {
          const cell = [row % blocks, column % blocks] as const;
          view = revealCell(view, blocks, ...cell);
          view = zoomMap(view, blocks, factor, ...cell);
          expect(view.size).toBeGreaterThanOrEqual(1);
          for (const [first, at] of [
            [view.row, cell[0]],
            [view.column, cell[1]],
          ]) {
            expect(first).toBeGreaterThanOrEqual(0);
            expect(first + view.size).toBeLessThanOrEqual(blocks);
            expect(at).toBeGreaterThanOrEqual(first);
            expect(at).toBeLessThan(first + view.size);
          }
        }
      }),
    );
  });
});
