import { implicitAttention, rowProducts } from "@spaattn/mask";
import { describe, expect, it } from "vitest";
import { attendRow, gainTest, joinKeys, rectification } from "../src/index.js";

const matrix = (rows: number, width: number, seed: number) =>
  Float64Array.from({ length: rows * width }, (_, i) => Math.sin(seed + 3.7 * i) * 2);

describe("gain test", () => {
  it("compares strictly, with absolute values after the dot products", () => {
    const pooled = {
      queryMean: Float64Array.of(2, 0, 1, 1),
      keyMean: Float64Array.of(1, -1, 1, 1),
      queryDeviation: Float64Array.of(1, 1, 0.5, 0.5),
      keyDeviation: Float64Array.of(0.5, 0.5, 1, 0),
    };
    // gain [2, 2; 0, 2], error [|1-1| + 1, 2 + 2; |0.5-0.5| + 1, 1 + 1]
    expect([...gainTest(pooled, 2)]).toEqual([1, 0, 0, 0]);
  });
});

describe("rectification", () => {
  const [n, d] = [5, 3];
  const mean = matrix(n, d, 1);
  const attention = implicitAttention({
    scores: rowProducts(mean, matrix(n, d, 2), d),
    textScores: matrix(n, 2, 3),
    scale: 0.7,
    weights: new Float64Array(n).fill(4),
  });
  const mask = Uint8Array.from({ length: n * n }, (_, i) => Number(i % 3 === 0));
  const gain = Uint8Array.from({ length: n * n }, (_, i) => Number(i % 2 === 0));

  it("splits all mass between the factor and the compensated blocks", () => {
    const { factor, compensation } = rectification(attention, mask, gain, new Float64Array(n * d).fill(1));
    for (let i = 0; i < n; i++) expect(factor[i] + compensation[i * d]).toBeCloseTo(1, 14);
  });

  it("leaves the sparse output alone when everything is selected", () => {
    const all = rectification(attention, new Uint8Array(n * n).fill(1), gain, matrix(n, d, 4));
    all.factor.forEach((factor) => void expect(factor).toBeCloseTo(1, 14));
    expect([...all.compensation]).toEqual(new Array(n * d).fill(0));
  });

  it("hands mass that fails the gain test to the sparse output", () => {
    const { factor, compensation } = rectification(attention, mask, new Uint8Array(n * n), matrix(n, d, 4));
    factor.forEach((x) => void expect(x).toBeCloseTo(1, 14));
    expect(compensation.every((x) => x === 0)).toBe(true);
  });
});

describe("attention of one row", () => {
  const d = 6;
  const set = {
    keys: matrix(9, d, 5),
    values: matrix(9, d, 6),
    bias: Float64Array.from({ length: 9 }, (_, i) => i / 9),
  };
  const query = matrix(2, d, 7);

  it("is the softmax it says, with its log-sum-exp", () => {
    const o = new Float64Array(d);
    const lse = attendRow(query, 1, set, 0.4, o);
    let sum = 0;
    const expected = new Float64Array(d);
    for (let b = 0; b < 9; b++) {
      let logit = set.bias[b];
      for (let ch = 0; ch < d; ch++) logit += 0.4 * query[d + ch] * set.keys[b * d + ch];
      sum += Math.exp(logit);
      for (let ch = 0; ch < d; ch++) expected[ch] += Math.exp(logit) * set.values[b * d + ch];
    }
    expect(lse).toBeCloseTo(Math.log(sum), 12);
    o.forEach((x, ch) => void expect(x).toBeCloseTo(expected[ch] / sum, 12));
  });

  it("does not overflow, and gives zeros where there is no key", () => {
    const o = new Float64Array(d);
    expect(attendRow(query, 0, set, 1e4, o)).toBeGreaterThan(1e3);
    expect(o.every(Number.isFinite)).toBe(true);
    const nothing = new Float64Array(d);
    const masked = { ...set, bias: new Float64Array(9).fill(Number.NEGATIVE_INFINITY) };
    expect(attendRow(query, 0, masked, 1, nothing)).toBe(Number.NEGATIVE_INFINITY);
    expect(attendRow(query, 0, joinKeys([]), 1, nothing)).toBe(Number.NEGATIVE_INFINITY);
    expect([...nothing]).toEqual(new Array(d).fill(0));
  });

  it("does not care how the keys are cut into sets", () => {
    const part = (from: number, to: number) => ({
      keys: set.keys.subarray(from * d, to * d),
      values: set.values.subarray(from * d, to * d),
      bias: set.bias.subarray(from, to),
    });
    expect(joinKeys([part(0, 4), part(4, 4), part(4, 9)])).toEqual(set);
  });
});
