import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { implicitAttention, type PooledLogits, probabilityColumns, rowProducts } from "../src/index.js";

const logits = (n: number, text: number, scale = 0.5, seed = 1): PooledLogits => ({
  scores: Float64Array.from({ length: n * n }, (_, i) => 4 * Math.sin(seed + 7 * i)),
  textScores: Float64Array.from({ length: n * text }, (_, i) => 3 * Math.cos(seed + 5 * i)),
  scale,
  weights: Float64Array.from({ length: n }, (_, j) => (j === n - 1 ? 2 : 4)),
});

/** One softmax over every token, a pooled logit repeated for each token of its block. */
function spelledOut({ scores, textScores, scale, weights }: PooledLogits, i: number) {
  const n = weights.length;
  const text = textScores.length / n;
  const each = (j: number) => weights[j] * Math.exp(scale * scores[i * n + j]);
  const visual = Array.from({ length: n }, (_, j) => each(j));
  const single = Array.from({ length: text }, (_, m) => Math.exp(scale * textScores[i * text + m]));
  const z = [...visual, ...single].reduce((a, b) => a + b, 0);
  return { visual: visual.map((x) => x / z), text: single.reduce((a, b) => a + b, 0) / z };
}

describe("implicit full attention", () => {
  it("gives every block the weight of its tokens and every text key the weight of one", () => {
    const input = logits(4, 3);
    const { visual, text } = implicitAttention(input);
    for (let i = 0; i < 4; i++) {
      const expected = spelledOut(input, i);
      for (let j = 0; j < 4; j++) expect(visual[i * 4 + j]).toBeCloseTo(expected.visual[j], 13);
      expect(text[i]).toBeCloseTo(expected.text, 13);
    }
  });

  it("has rows that sum to 1, also with logits that overflow exp", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 0, max: 5 }),
        fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
        fc.integer(),
        (n, text, scale, seed) => {
          const attention = implicitAttention(logits(n, text, scale, seed % 1000));
          const all = probabilityColumns(attention, n + 1);
          for (let i = 0; i < n; i++) {
            const row = all.subarray(i * (n + 1), (i + 1) * (n + 1));
            expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
            expect(row.every((p) => p >= 0)).toBe(true);
          }
        },
      ),
    );
  });

  it("docs/corrections.md#no-2: a nearly empty last block weighs like a full one in the original, not in ours", () => {
    const even = { scores: new Float64Array(9), textScores: new Float64Array(0), scale: 1 };
    const mass = (last: number) => implicitAttention({ ...even, weights: Float64Array.of(4, 4, last) }).visual[2];
    expect(mass(1)).toBeCloseTo(1 / 9, 14);
    expect(mass(4)).toBeCloseTo(1 / 3, 14);
  });

  it("docs/corrections.md#no-10: without valid text it is the model without text, and the text column is zero", () => {
    const { visual, text } = implicitAttention(logits(3, 0));
    expect([...text]).toEqual([0, 0, 0]);
    expect(visual.subarray(0, 3).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 14);
    expect(probabilityColumns({ visual, text }, 3)).toBe(visual);
    expect([...probabilityColumns({ visual, text }, 4).subarray(0, 4)]).toEqual([...visual.subarray(0, 3), 0]);
  });

  it("multiplies rows of any width", () => {
    for (const width of [1, 3, 4, 7, 64]) {
      const x = Float64Array.from({ length: 2 * width }, (_, i) => i + 1);
      const y = Float64Array.from({ length: 3 * width }, (_, i) => (i % 5) - 2);
      const products = rowProducts(x, y, width);
      expect(products.length).toBe(6);
      let expected = 0;
      for (let ch = 0; ch < width; ch++) expected += x[width + ch] * y[2 * width + ch];
      expect(products[5]).toBeCloseTo(expected, 9);
    }
  });
});
