import { dot } from "@spaattn/mask";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  anchors,
  blockError,
  maskBias,
  querySpread,
  rankByError,
  selectByError,
  shift,
  strataBias,
  strataOrder,
  summarize,
} from "../src/index.js";

const shape = { visualTokens: 44, headDim: 4, blockSize: 16 };
const [n, d, scale] = [3, 4, 0.5];
const matrix = (seed: number, rows = 44) =>
  Float64Array.from({ length: rows * d }, (_, i) => 2 * Math.sin(seed + 2.9 * i));
const [query, key, value] = [matrix(1), matrix(2), matrix(3)];

function prepare(strataPerBlock: number, group: number) {
  const anchor = anchors(query, shape, group);
  const order = strataOrder(query, key, shape, { strata: "local", strataPerBlock, steps: 8 });
  const summaries = summarize({ key, value, anchor, order, strataPerBlock, scale }, shape);
  return { anchor, order, summaries, spread: querySpread(query, anchor, shape, group) };
}

describe("anchors and spread", () => {
  it("average the queries of a group, and what they vary about it", () => {
    const anchor = anchors(query, shape, 2);
    expect(anchor.length).toBe(2 * d);
    const mean = (from: number, to: number, ch: number) =>
      Array.from({ length: to - from }, (_, i) => query[(from + i) * d + ch]).reduce((a, b) => a + b, 0) / (to - from);
    expect(anchor[1]).toBeCloseTo(mean(0, 32, 1), 13);
    expect(anchor[d + 2]).toBeCloseTo(mean(32, 44, 2), 13);
    const spread = querySpread(query, anchor, shape, 2);
    const second = Array.from({ length: 12 }, (_, i) => (query[(32 + i) * d + 2] - anchor[d + 2]) ** 2);
    expect(spread[2 * d + 2]).toBeCloseTo(second.reduce((a, b) => a + b, 0) / 12, 13);
  });
});

describe("summaries", () => {
  it("are the tangent of log-sum-exp: exact at the anchor, below it elsewhere", () => {
    const { anchor, order, summaries } = prepare(4, 2);
    const strata = 12;
    for (let u = 0; u < strata - 1; u++)
      for (let g = 0; g < 2; g++) {
        const tokens = [...order.subarray(u * 4, u * 4 + 4)].filter((token) => token < 44);
        const at = g * strata + u;
        const exact = (q: Float64Array, row: number) =>
          Math.log(tokens.reduce((sum, token) => sum + Math.exp(scale * dot(q, row, key, token, d)), 0));
        const tangent = (q: Float64Array, row: number) =>
          scale * dot(q, row, summaries.key, at, d) + summaries.mass[at];
        expect(tangent(anchor, g)).toBeCloseTo(exact(anchor, g), 12);
        for (let a = 0; a < 44; a += 7) expect(tangent(query, a)).toBeLessThanOrEqual(exact(query, a) + 1e-12);
        expect(summaries.mass[at]).toBeGreaterThanOrEqual(-1e-12);
        expect(summaries.mass[at]).toBeLessThanOrEqual(Math.log(tokens.length) + 1e-12);
      }
  });

  it("of an empty stratum have no mass", () => {
    const { summaries } = prepare(4, 3);
    expect(summaries.mass[11]).toBe(Number.NEGATIVE_INFINITY);
    expect([...summaries.key.subarray(11 * d)]).toEqual([0, 0, 0, 0]);
    expect(summaries.noise[11]).toBe(0);
  });

  it("of identical keys have the exact mass and no spread", () => {
    const same = Float64Array.from({ length: 44 * d }, (_, i) => (i % d) - 1.5);
    const order = Int32Array.from({ length: 48 }, (_, i) => i);
    const anchor = anchors(query, shape, 3);
    const { mass, spread, key: mean } = summarize({ key: same, value, anchor, order, strataPerBlock: 4, scale }, shape);
    expect(mass[0]).toBeCloseTo(Math.log(4), 13);
    expect(Math.max(...spread)).toBeLessThan(1e-28);
    expect([...mean.subarray(0, d)]).toEqual([-1.5, -0.5, 0.5, 1.5]);
  });
});

describe("bias", () => {
  it("shifts by half the variance, then by its root, and the branches meet with equal slope", () => {
    expect(shift(0.4, 1, 1e-3)).toBe(0.2);
    expect(shift(8, 1, 1e-3)).toBe(3);
    fc.assert(
      fc.property(fc.double({ min: 1e-3, max: 5, noNaN: true }), (m) => {
        const eps = 1e-6 * m;
        expect(shift(2 * m + eps, m, 1e-3) - shift(2 * m, m, 1e-3)).toBeCloseTo(eps / 2, 9);
        expect(shift(2 * m, m, 1e-3)).toBeCloseTo(m, 12);
      }),
    );
    expect(shift(1, -1, 0.5)).toBe(shift(1, 0.5, 0.5));
  });

  it("is capped, and −∞ for empty strata", () => {
    const { summaries, spread } = prepare(4, 2);
    const options = { scale, hMax: 0.3, mMin: 1e-3 };
    const { bias, variance, shift: shifts } = strataBias(spread, summaries.spread, summaries.mass, n, 2, options);
    for (let i = 0; i < n; i++) {
      const g = Math.floor(i / 2);
      for (let u = 0; u < 11; u++) {
        expect(bias[i * 12 + u]).toBeCloseTo(summaries.mass[g * 12 + u] + Math.min(shifts[i * 12 + u], 0.3), 13);
        expect(variance[i * 12 + u]).toBeGreaterThan(0);
      }
      expect(bias[i * 12 + 11]).toBe(Number.NEGATIVE_INFINITY);
      expect(shifts[i * 12 + 11]).toBe(0);
    }
    const masked = maskBias(bias, Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 0, 0), 4);
    expect([...masked.subarray(4, 8)]).toEqual(new Array(4).fill(Number.NEGATIVE_INFINITY));
    expect(masked[3]).toBe(bias[3]);
  });
});

describe("block errors and selection", () => {
  const { summaries, spread } = prepare(4, 2);
  const bias = strataBias(spread, summaries.spread, summaries.mass, n, 2, { scale, hMax: 1, mMin: 1e-3 });
  const queryMean = Float64Array.from({ length: n * d }, (_, i) => query[i]);
  const input = { queryMean, summaries, bias, strataPerBlock: 4, group: 2, scale, tauMax: 6 };
  const text = { textKey: matrix(8, 3), textValue: matrix(9, 3) };
  const blocks = blockError({ ...input, ...text }, d);

  it("spread all mass over blocks and text", () => {
    for (let i = 0; i < n; i++) {
      const mass = blocks.mass.subarray(i * n, (i + 1) * n).reduce((a, b) => a + b, 0);
      expect(mass + blocks.text[i]).toBeCloseTo(1, 13);
    }
    const none = blockError({ ...input, textKey: new Float64Array(0), textValue: new Float64Array(0) }, d);
    expect([...none.text]).toEqual([0, 0, 0]);
  });

  it("scale with the square of the values", () => {
    const doubled = {
      ...summaries,
      value: summaries.value.map((x) => 2 * x),
      noise: summaries.noise.map((x) => 4 * x),
    };
    const twice = blockError(
      { ...input, summaries: doubled, textKey: text.textKey, textValue: text.textValue.map((x) => 2 * x) },
      d,
    );
    twice.error.forEach((x, i) => void expect(x / blocks.error[i]).toBeCloseTo(4, 10));
    expect(twice.mass).toEqual(blocks.mass);
  });

  it("choose the own block first, then the largest errors, equal ones by index", () => {
    const error = Float64Array.of(0, 5, 5, 9, 9, 1, 3, 3, 3, 0, 0, 0, 2, 8, 8, 0);
    expect([...rankByError(error, 0, 4)]).toEqual([0, 3, 1, 2]);
    expect([...rankByError(error, 1, 4)]).toEqual([1, 0, 2, 3]);
    expect([...rankByError(error, 2, 4)]).toEqual([2, 0, 1, 3]);
    expect([...rankByError(error, 3, 4)]).toEqual([3, 1, 2, 0]);
  });

  it("keep exactly k blocks with p = 0, though masses may have underflown", () => {
    const flat = { error: new Float64Array(16), mass: new Float64Array(16), text: new Float64Array(4) };
    for (const k of [1, 2, 4]) {
      const mask = selectByError(flat, { ranked: true, topBlocks: k, coverMass: 0 });
      for (let i = 0; i < 4; i++) {
        expect(mask.subarray(i * 4, i * 4 + 4).reduce((a, b) => a + b, 0)).toBe(k);
        expect(mask[i * 4 + i]).toBe(1);
      }
    }
    const unranked = selectByError(flat, { ranked: false, topBlocks: 4, coverMass: 1 });
    expect([...unranked.subarray(4, 8)]).toEqual([0, 1, 0, 0]);
  });

  it("cover the mass that is asked for, text included", () => {
    const even = {
      error: new Float64Array(16),
      mass: new Float64Array(16).fill(0.2),
      text: new Float64Array(4).fill(0.2),
    };
    const count = (p: number) =>
      selectByError(even, { ranked: true, topBlocks: 1, coverMass: p })
        .subarray(0, 4)
        .reduce((a, b) => a + b, 0);
    expect([0.1, 0.5, 0.7, 0.95].map(count)).toEqual([1, 2, 3, 4]);
  });
});
