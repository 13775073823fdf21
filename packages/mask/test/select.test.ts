import { type Behaviour, firstFrame, makeGeometry, type Policy, topBlocks, union } from "@spaattn/attention";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type ImplicitAttention,
  leadingToExceed,
  lowerPolicy,
  rankDescending,
  ruleOfHead,
  type SelectionRule,
  selectCritical,
  uniteForced,
} from "../src/index.js";

const rule = (part: Partial<SelectionRule> = {}): SelectionRule => ({
  ranked: true,
  topBlocks: 0,
  coverMass: 0,
  textCompetes: false,
  ...part,
});
/** The same row for every query block. */
const rows = (visual: number[], text = 0): ImplicitAttention => ({
  visual: Float64Array.from(visual.flatMap(() => visual)),
  text: new Float64Array(visual.length).fill(text),
});
const selected = (attention: ImplicitAttention, chosen: SelectionRule) =>
  [...selectCritical(attention, chosen).subarray(0, attention.text.length)].flatMap((x, j) => (x ? [j] : []));

const lower = (
  policy: Policy,
  blocks: number,
  behaviour: Behaviour,
  layout?: Parameters<typeof lowerPolicy>[1]["layout"],
) =>
  lowerPolicy(policy, {
    geometry: makeGeometry({ batch: 1, heads: 1, headDim: 4, visualTokens: blocks * 64, blockSize: 64 }),
    behaviour,
    rectify: "paper",
    ...(layout ? { layout } : {}),
  });

describe("block selection", () => {
  it("keeps a fixed count, or as many as the mass needs, whichever is more", () => {
    const attention = rows([0.1, 0.4, 0.2, 0.3]);
    expect(selected(attention, rule({ topBlocks: 2 }))).toEqual([1, 3]);
    expect(selected(attention, rule({ coverMass: 0.65 }))).toEqual([1, 3]);
    expect(selected(attention, rule({ coverMass: 0.75 }))).toEqual([1, 2, 3]);
    expect(selected(attention, rule({ topBlocks: 3, coverMass: 0.1 }))).toEqual([1, 2, 3]);
  });

  it("selects nothing by rank when nothing is ranked, and unites what is forced", () => {
    const mask = selectCritical(rows([0.5, 0.5]), rule({ ranked: false, topBlocks: 2, coverMass: 1 }));
    expect([...mask]).toEqual([0, 0, 0, 0]);
    expect([...uniteForced(mask, Uint8Array.of(0, 1, 0, 0))]).toEqual([0, 1, 0, 0]);
    expect([...uniteForced(mask, undefined)]).toEqual([0, 1, 0, 0]);
  });

  it("selects the fewest leading columns whose mass exceeds p", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.001, max: 1, noNaN: true }), { minLength: 1, maxLength: 12 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (raw, p) => {
          const total = raw.reduce((a, b) => a + b, 0);
          const row = raw.map((x) => x / total);
          const chosen = selected(rows(row), rule({ coverMass: p }));
          const mass = (list: number[]) => list.map((j) => row[j]).reduce((a, b) => a + b, 0);
          expect(chosen.length === row.length || mass(chosen) > p - 1e-12).toBe(true);
          const least = Math.min(...chosen.map((j) => row[j]));
          expect(mass(chosen) - least <= p + 1e-12).toBe(true);
          const left = row.filter((_, j) => !chosen.includes(j));
          expect(left.every((x) => x <= least)).toBe(true);
        },
      ),
    );
  });

  it("counts the mass from what is already there", () => {
    const ranking = rankDescending([0.2, 0.5, 0.3]);
    expect([...ranking]).toEqual([1, 2, 0]);
    expect(leadingToExceed(0.6, [0.2, 0.5, 0.3], ranking)).toBe(2);
    expect(leadingToExceed(0.6, [0.2, 0.5, 0.3], ranking, 0.2)).toBe(1);
    expect(leadingToExceed(1, [0.2, 0.5, 0.25], ranking)).toBe(4);
  });

  it("docs/corrections.md#no-3: text takes a place and mass in the original, not in ours", () => {
    const attention = rows([0.1, 0.3, 0.2], 0.4);
    // Drop rate 0 is dense in ours; in the original the text column pushes the weakest block out.
    const all = rule({ topBlocks: 3 });
    expect(selected(attention, all)).toEqual([0, 1, 2]);
    expect(selected(attention, { ...all, textCompetes: true })).toEqual([1, 2]);
    // A strong text column leaves a row of the original without any visual block.
    const one = rule({ topBlocks: 1, coverMass: 0.3 });
    expect(selected(attention, one)).toEqual([1]);
    expect(selected(attention, { ...one, textCompetes: true })).toEqual([]);
  });

  it("docs/corrections.md#no-21: equal values go to the lower index", () => {
    expect(selected(rows([0.2, 0.2, 0.2, 0.2, 0.2]), rule({ topBlocks: 3 }))).toEqual([0, 1, 2]);
    expect([...rankDescending([1, 2, 2, 1, 2])]).toEqual([1, 2, 4, 0, 3]);
  });

  it("docs/corrections.md#no-12: 0.8 of 900 blocks drops 720 in ours; the original keeps one block too few", () => {
    const kept = (behaviour: Behaviour) => lower(topBlocks({ dropRate: 0.8 }), 900, behaviour).topBlocks[0];
    expect(kept("corrected")).toBe(180);
    expect(kept("reference")).toBe(179);
  });

  it("docs/corrections.md#no-1: the first frame is selected in ours; the original links the first blocks of the curve", () => {
    const layout = {
      grid: [3, 8, 16] as const,
      blockSize: 64,
      order: Int32Array.from({ length: 384 }, (_, i) => i),
      inverse: Int32Array.from({ length: 384 }, (_, i) => i),
      neighbours: new Uint8Array(36),
      firstFrameBlocks: Int32Array.of(0, 3, 5),
    };
    const columns = (behaviour: Behaviour, row: number) => {
      const { forced } = lower(union(topBlocks({ dropRate: 1 }), firstFrame()), 6, behaviour, layout);
      return [...forced!.subarray(row * 6, row * 6 + 6)].flatMap((x, j) => (x ? [j] : []));
    };
    expect(columns("corrected", 0)).toEqual([0, 3, 5]);
    expect(columns("corrected", 4)).toEqual([0, 3, 5]);
    expect(columns("reference", 0)).toEqual([0, 1]);
    expect(columns("reference", 4)).toEqual([]);
  });

  it("reads one head's rule out of a lowered policy", () => {
    const selection = { ranked: true, topBlocks: [3, 1], coverMass: [0, 0.5], textCompetes: false };
    expect(ruleOfHead(selection, 1)).toEqual(rule({ topBlocks: 1, coverMass: 0.5 }));
  });
});
