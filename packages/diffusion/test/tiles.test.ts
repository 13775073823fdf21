import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Block, TileBlender, tileSpans } from "../src/generate/tiles.js";

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
});
