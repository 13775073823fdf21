import { dot } from "@spaattn/mask";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  anchors,
  blockRow,
  choiceCost,
  choiceRow,
  chooseLevels,
  clusterAnchors,
  clusterBlocks,
  clusterSpread,
  EXACT,
  type HeadErrors,
  levelStart,
  momentErrors,
  nestedOrder,
  nodeBias,
  nodeRowCount,
  nodeSummaries,
  optionsOf,
  probeErrors,
  projectRows,
  queryProbes,
  strataOrder,
  summarize,
} from "../src/index.js";

const shape = { visualTokens: 44, headDim: 4, blockSize: 16 };
const [n, d, scale] = [3, 4, 0.5];
const matrix = (seed: number, rows = 44) =>
  Float64Array.from({ length: rows * d }, (_, i) => 2 * Math.sin(seed + 2.9 * i));
const [query, key, value] = [matrix(1), matrix(2), matrix(3)];
const split = { depth: 3, gamma: 0.5, steps: 8 };

describe("nested order", () => {
  it("keeps every token in its block, padding last, ascending within every leaf", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 4 }), fc.integer(), (N, depth, seed) => {
        const own = { ...shape, visualTokens: N };
        const order = nestedOrder(matrix(seed % 97, N), matrix(3, N), own, { ...split, depth });
        for (let start = 0; start < order.length; start += 16) {
          const slots = [...order.subarray(start, start + 16)];
          expect([...slots].sort((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, i) => start + i));
          expect(slots.findIndex((token) => token >= N)).toBe(start + 16 > N ? N - start : -1);
          for (let s = 0; s < 16; s += 16 >> depth)
            expect(slots.slice(s, s + (16 >> depth))).toEqual(slots.slice(s, s + (16 >> depth)).sort((a, b) => a - b));
        }
      }),
      { numRuns: 60 },
    );
  });

  it("is nested: a deeper order has the same tokens in every coarser node", () => {
    const [two, four] = [2, 4].map((depth) => nestedOrder(key, value, shape, { ...split, depth }));
    for (let s = 0; s < 48; s += 4)
      expect([...four.subarray(s, s + 4)].sort((a, b) => a - b)).toEqual([...two.subarray(s, s + 4)]);
  });

  it("is that of tail without values", () => {
    const ours = nestedOrder(key, value, shape, { depth: 2, gamma: 0, steps: 8 });
    expect(ours).toEqual(strataOrder(query, key, shape, { strata: "local", strataPerBlock: 4, steps: 8 }));
  });
});

describe("clusters", () => {
  it("are those of well separated means, whatever their order; anchors weigh tokens, not blocks", () => {
    const means = Float64Array.of(0, 0, 9, 9, 0.1, 0, 9, 9.1, -9, 0);
    const { cluster, count } = clusterBlocks(means, 2, 3);
    expect(count).toBe(3);
    expect(cluster[0]).toBe(cluster[2]);
    expect(cluster[1]).toBe(cluster[3]);
    expect(new Set(cluster).size).toBe(3);
    const one = { cluster: new Int32Array(3), count: 1 };
    expect([...clusterAnchors(query, one, shape)]).toEqual(
      [...anchors(query, shape, 3)].map((x) => expect.closeTo(x, 12)),
    );
  });

  it("drop centres that win no block", () => {
    const { cluster, count } = clusterBlocks(new Float64Array(8).fill(1), 2, 4);
    expect(count).toBe(1);
    expect([...cluster]).toEqual([0, 0, 0, 0]);
  });
});

const one = { cluster: Int32Array.of(0, 0, 0), count: 1 };
const anchor = clusterAnchors(query, one, shape);
const order = nestedOrder(key, value, shape, split);
const nodes = nodeSummaries({ key, value, anchor, order, depth: 3, scale }, shape);
const spread = clusterSpread(query, anchor, one, shape);
const biasOf = (i: number) => nodeBias(spread, i, nodes, 0, { blocks: n, depth: 3, scale, hMax: 1, mMin: 1e-3 });

describe("merged summaries", () => {
  it("equal those of the tokens at every level", () => {
    for (const level of [0, 1, 2]) {
      const direct = summarize({ key, value, anchor, order, strataPerBlock: 2 ** level, scale }, shape);
      const first = levelStart(n, level);
      const count = n * 2 ** level;
      for (const name of ["key", "value", "spread"] as const)
        direct[name].forEach((x, at) => void expect(nodes[name][first * d + at]).toBeCloseTo(x, 11));
      for (const name of ["mass", "noise"] as const)
        for (let u = 0; u < count; u++)
          if (direct.mass[u] > Number.NEGATIVE_INFINITY)
            expect(nodes[name][first + u]).toBeCloseTo(direct[name][u], 11);
          else expect(nodes.mass[first + u]).toBe(Number.NEGATIVE_INFINITY);
    }
  });
});

describe("probes", () => {
  it("are means of parts; a ragged block has fewer, and all tokens are in one of them", () => {
    const probes = queryProbes(query, shape, 4, 8);
    expect([...probes.count]).toEqual([4, 4, 3]);
    for (let ch = 0; ch < d; ch++) {
      const mean = [0, 1, 2, 3].reduce((sum, r) => sum + probes.mean[r * d + ch] / 4, 0);
      const all = Array.from({ length: 16 }, (_, a) => query[a * d + ch]).reduce((a, b) => a + b, 0) / 16;
      expect(mean).toBeCloseTo(all, 12);
    }
    expect([...probes.mean.subarray((2 * 4 + 3) * d)]).toEqual([0, 0, 0, 0]);
  });

  it("see no loss at the leaves, and the true loss of a coarser level", () => {
    const bias = biasOf(1);
    const none = new Float64Array(0);
    const input = {
      blocks: n,
      headDim: d,
      depth: 3,
      summaries: nodes,
      group: 0,
      bias,
      textKey: none,
      textValue: none,
      scale,
      tauMax: 6,
    };
    const probe = matrix(5, 1);
    const { error } = probeErrors(probe, projectRows(nodes.value, d), input);
    expect([...error.subarray(3 * n)]).toEqual([0, 0, 0]);
    // By definition: what the projected output loses when block 0 is one node, with the leaves' normaliser and mean.
    const weight = (row: number) => Math.exp(scale * dot(probe, 0, nodes.key, row, d) + bias.bias[row]);
    const leaves = Array.from({ length: n * 8 }, (_, u) => levelStart(n, 3) + u).filter((row) => bias.bias[row] > -1e9);
    const total = leaves.reduce((sum, row) => sum + weight(row), 0);
    const output = Float64Array.from({ length: d }, (_, ch) =>
      leaves.reduce((sum, row) => sum + (weight(row) / total) * nodes.value[row * d + ch], 0),
    );
    const effect = (rows: readonly number[]) =>
      Float64Array.from({ length: d }, (_, ch) =>
        rows.reduce((sum, row) => sum + (weight(row) / total) * (nodes.value[row * d + ch] - output[ch]), 0),
      );
    const [coarse, fine] = [effect([0]), effect(leaves.slice(0, 8))];
    const lost = projectRows(
      coarse.map((x, ch) => x - fine[ch]),
      d,
    ).reduce((sum, x) => sum + x * x, 0);
    expect(error[0]).toBeCloseTo(lost, 12);
    expect(momentErrors(probe, input).error.every((x) => x >= 0)).toBe(true);
  });
});

/** Errors `[L + 1, n, n]` that fall with the level, as estimates mostly do. */
const falling = (seed: number, blocks: number): HeadErrors => {
  const base = Float64Array.from({ length: blocks * blocks }, (_, i) => Math.exp(4 * Math.sin(seed + i * i)));
  const error = new Float64Array(6 * blocks * blocks);
  error.forEach((_, at) => {
    const level = Math.floor(at / base.length);
    error[at] = base[at % base.length] * (0.5 + Math.abs(Math.sin(seed * at)) / 2) ** level;
  });
  return { error, unit: 1 };
};

describe("choice", () => {
  const rule = { blocks: 6, blockSize: 128, levels: [0, 1, 2, 3, 4, 5], scope: "call", search: "exact" } as const;
  const scopes = fc.constantFrom("call", "head", "row");

  it("keeps the budget in every scope and leaves less than one step of it unused", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.18, max: 0.99, noNaN: true }), scopes, fc.nat(50), (budget, scope, seed) => {
        const heads = [falling(seed, 6), falling(seed + 0.5, 6)];
        const { choice } = chooseLevels(heads, { ...rule, scope, budgets: [budget, budget] });
        const parts = scope === "call" ? 1 : scope === "head" ? 2 : 12;
        const pairs = 72 / parts;
        for (let at = 0; at < 72; at += pairs) {
          const cost = choiceCost(choice.subarray(at, at + pairs), 128) * pairs;
          expect(cost).toBeLessThanOrEqual(budget * pairs + 1e-9);
          // The next step costs one exact block at most.
          expect(cost).toBeGreaterThan(budget * pairs - 1);
        }
        for (let i = 0; i < 6; i++) expect(choice[i * 7]).toBe(EXACT);
      }),
    );
  });

  it("has no error that is larger than that of another choice of the same cost", () => {
    const head = falling(3, 6);
    const { choice, multiplier } = chooseLevels([head], { ...rule, budgets: [0.4] });
    const options = optionsOf(rule.levels, 128);
    const error = (o: number, at: number) => (o === EXACT ? 0 : head.error[o * 36 + at]);
    choice.forEach((chosen, at) => {
      if (at % 7 === 0) return;
      const total = (o: { choice: number; cost: number }) => error(o.choice, at) + (multiplier[0] * o.cost) / 128;
      const own = total(options.find((o) => o.choice === chosen)!);
      for (const option of options) expect(own).toBeLessThanOrEqual(total(option) + 1e-12);
    });
  });

  it("is dense with budget 1, and the cheapest where the budget is below the least cost", () => {
    const heads = [falling(1, 6)];
    const dense = chooseLevels(heads, { ...rule, budgets: [1] });
    expect(dense.choice.every((x) => x === EXACT)).toBe(true);
    expect(dense.multiplier[0]).toBe(0);
    const least = chooseLevels(heads, { ...rule, levels: [2, 4], budgets: [0.05] });
    expect(least.multiplier[0]).toBe(Number.POSITIVE_INFINITY);
    least.choice.forEach((x, at) => void expect(x).toBe(at % 7 === 0 ? EXACT : 2));
  });

  it("by histogram stays within the budget, at an edge of a bin at or above the exact multiplier", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.18, max: 0.9, noNaN: true }), fc.nat(50), (budget, seed) => {
        const heads = [falling(seed, 6)];
        const exact = chooseLevels(heads, { ...rule, budgets: [budget] });
        const binned = chooseLevels(heads, { ...rule, search: "histogram", budgets: [budget] });
        expect(binned.multiplier[0]).toBeGreaterThanOrEqual(exact.multiplier[0] * 0.999999);
        expect(Math.log2(binned.multiplier[0]) * 8).toBeCloseTo(Math.round(Math.log2(binned.multiplier[0]) * 8), 9);
        expect(choiceCost(binned.choice, 128)).toBeLessThanOrEqual(choiceCost(exact.choice, 128) + 1e-12);
      }),
    );
  });

  it("forces what it is told to, and counts it", () => {
    const forced = new Uint8Array(36);
    for (let i = 0; i < 6; i++) forced[i * 6 + 2] = 1;
    const { choice } = chooseLevels([{ ...falling(2, 6), forced }], { ...rule, budgets: [0.5] });
    for (let i = 0; i < 6; i++) expect(choice[i * 6 + 2]).toBe(EXACT);
    expect(choiceCost(choice, 128)).toBeLessThanOrEqual(0.5);
  });
});

describe("row lists", () => {
  it("hold every node of every block once, levels descending, empty nodes left out", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0, 1, 2, 3, EXACT), { minLength: 3, maxLength: 3 }), (list) => {
        const { bias } = biasOf(1);
        const { exact, rows } = choiceRow(Uint8Array.from(list), bias, 3);
        expect(exact).toEqual(list.flatMap((x, j) => (x === EXACT ? [j] : [])));
        const wanted = list.flatMap((level, j) =>
          level === EXACT ? [] : Array.from({ length: 2 ** level }, (_, u) => blockRow(n, level, j) + u),
        );
        const filled = wanted.filter((row) => bias[row] > Number.NEGATIVE_INFINITY);
        expect([...rows].sort((a, b) => a - b)).toEqual(filled.sort((a, b) => a - b));
        const levels = rows.map((row) => Math.floor(Math.log2(row / n + 1)));
        expect(levels).toEqual([...levels].sort((a, b) => b - a));
        expect(Math.max(-1, ...rows)).toBeLessThan(nodeRowCount(n, 3));
      }),
    );
  });
});
