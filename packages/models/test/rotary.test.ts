import { describe, expect, it } from "vitest";
import { createModel, modelNames } from "../src/index.js";

const SMALL: Record<string, { frames: number; height: number; width: number }> = Object.fromEntries(
  modelNames.map((name) => [name, { frames: name === "flux.1-dev" ? 1 : 9, height: 192, width: 128 }]),
);

describe.each(modelNames)("rotary table of %s", (name) => {
  const adapter = createModel(name);
  const size = SMALL[name];
  const { grid, visualTokens } = adapter.geometry(size);
  const [, h, w] = grid;
  const table = adapter.rotary(size, "raster");
  const { theta, axes } = adapter.card.rotary;

  it("covers the head and turns by unit factors", () => {
    expect(table.pairs * 2).toBe(adapter.card.headDim);
    expect(table.cos).toHaveLength(visualTokens * table.pairs);
    const worst = table.cos.reduce((most, c, i) => Math.max(most, Math.abs(c * c + table.sin[i] ** 2 - 1)), 0);
    expect(worst).toBeLessThan(1e-6);
  });

  it("has the published angle at single tokens", () => {
    const position = (token: number) => [Math.floor(token / (h * w)), Math.floor(token / w) % h, token % w];
    for (const token of [0, 1, w, w + 1, visualTokens - 1]) {
      let pair = 0;
      for (const [axis, dim] of axes.entries())
        for (let i = 0; i < dim; i += 2, pair++) {
          const angle = position(token)[axis] / theta ** (i / dim);
          expect(table.cos[token * table.pairs + pair]).toBeCloseTo(Math.cos(angle), 5);
          expect(table.sin[token * table.pairs + pair]).toBeCloseTo(Math.sin(angle), 5);
        }
    }
  });

  it("travels with the tokens", () => {
    const { curveToLinear } = adapter.layout(size);
    const curve = adapter.rotary(size);
    const row = (values: Float32Array, at: number) => [...values.subarray(at * table.pairs, (at + 1) * table.pairs)];
    for (const [i, token] of curveToLinear.entries()) {
      expect(row(curve.cos, i)).toEqual(row(table.cos, token));
      expect(row(curve.sin, i)).toEqual(row(table.sin, token));
    }
  });
});

it("makes attention depend on relative positions only", () => {
  const adapter = createModel("wan2.1-t2v-14b");
  const { cos, sin, pairs } = adapter.rotary({ frames: 21, height: 128, width: 128 }, "raster");
  const turn = (vector: number[], token: number) =>
    vector.map((x, c) => {
      const at = token * pairs + (c >> 1);
      return c % 2 === 0 ? x * cos[at] - vector[c + 1] * sin[at] : x * cos[at] + vector[c - 1] * sin[at];
    });
  const q = Array.from({ length: 128 }, (_, i) => Math.sin(i * 1.3));
  const k = Array.from({ length: 128 }, (_, i) => Math.cos(i * 0.7));
  const dot = (a: number, b: number) => {
    const turned = turn(k, b);
    return turn(q, a).reduce((sum, x, i) => sum + x * turned[i], 0);
  };
  const token = (t: number, y: number, x: number) => (t * 8 + y) * 8 + x;
  expect(dot(token(0, 0, 0), token(2, 3, 1))).toBeCloseTo(dot(token(3, 4, 5), token(5, 7, 6)), 3);
  expect(dot(token(0, 0, 0), token(2, 3, 1))).not.toBeCloseTo(dot(token(0, 0, 0), token(2, 3, 2)), 3);
});
