import { type AttentionSpec, coverMass, resolveSpec, topBlocks } from "@spaattn/attention";
import { HostTensor } from "@spaattn/core";
import { describe, expect, it } from "vitest";
import { compareExact, compareFloats } from "../src/check.js";
import { compareRounded } from "../src/golden/figures.js";
import { LeftOut } from "../src/left-out.js";
import { checkGain, checkMask } from "../src/mask-check.js";
import { checkStrata } from "../src/strata.js";
import { tensorTolerance } from "../src/tolerance.js";

describe("numbers", () => {
  it("are compared relative to the largest, infinities and NaN by what they are", () => {
    expect(compareFloats([1, 2.002], [1, 2], 1e-3 + 1e-9)).toMatchObject({ ok: true });
    expect(compareFloats([1, 2.003], [1, 2], 1e-3, [2, 1])).toMatchObject({
      ok: false,
      firstIndex: [1, 0],
      got: 2.003,
    });
    const inf = Number.NEGATIVE_INFINITY;
    expect(compareFloats([inf, 1], [inf, 1], 0)).toMatchObject({ ok: true });
    expect(compareFloats([-1e30, 1], [inf, 1], 1e-3)).toMatchObject({ ok: false, firstIndex: [0] });
    expect(compareFloats([Number.NaN], [1], 1e9)).toMatchObject({ ok: false });
    expect(compareFloats([1], [1, 2], 1)).toMatchObject({ ok: false, note: "has 1 elements, expected 2" });
    expect(compareFloats([5, 1], [1, 1], 0, [2], (i) => i > 0)).toMatchObject({ ok: true });
    expect(compareExact([1, 0], [1, 1])).toMatchObject({ ok: false, maxError: 1, firstIndex: [1] });
  });

  it("that were stored rounded are compared as such", () => {
    expect(compareRounded(0.12344, 0.1234, 4, 0).ok).toBe(true);
    expect(compareRounded(0.1236, 0.1234, 4, 0).ok).toBe(false);
    expect(compareRounded(1, undefined, 4, 0).skipped).toBe("the file does not state it");
  });
});

describe("tolerances", () => {
  const spec = resolveSpec({ heads: 1, headDim: 64, visualTokens: 2048, blockSize: 64, rectify: "paper" });
  const of = (tensor: string, dtype: "f32" | "bf16", base = {}) =>
    tensorTolerance(tensor, spec, { dtype, accumulate: "f32", logits: 2, ...base });

  it("follow a tensor's own type and sums, not the inputs' type", () => {
    expect(of("queryMean", "bf16")).toBe(of("queryMean", "f32"));
    expect(of("queryMean", "bf16")).toBeLessThan(4e-6);
    expect(of("lse", "bf16")).toBeLessThan(2e-5);
    expect(of("output", "bf16")).toBeGreaterThan(100 * of("output", "f32"));
    expect(of("anchor", "f32")).toBeGreaterThan(of("queryMean", "f32"));
    expect(of("scores", "f32", { base: { f32: 1e-4 } })).toBeCloseTo(5 * of("scores", "f32"));
  });
});

describe("masks", () => {
  const spec: AttentionSpec = { heads: 1, headDim: 4, blockSize: 64, visualTokens: 256, rectify: "none" };
  const row = (...columns: number[]) => Uint8Array.from({ length: 4 }, (_, j) => Number(columns.includes(j)));
  const all = (one: Uint8Array) => Uint8Array.from([...one, ...one, ...one, ...one]);
  const check = (
    policy: AttentionSpec["policy"],
    scores: number[],
    got: Uint8Array,
    want: Uint8Array,
    margin?: number,
  ) =>
    checkMask({
      spec: { ...spec, ...(policy ? { policy } : {}) },
      got: all(got),
      expected: all(want),
      scores: [...scores, ...scores, ...scores, ...scores],
      masses: [...scores, ...scores, ...scores, ...scores],
      columns: 4,
      margin,
    });
  const two = topBlocks({ dropRate: 0.5 });

  it("may differ where two scores at the cut are too close, and say so", () => {
    const scores = [0.4, 0.2000001, 0.2, 0.1];
    const close = check(two, scores, row(0, 2), row(0, 1), 1e-5);
    expect(close).toMatchObject({ ok: true, note: "4 rows decided too close to call" });
    expect(check(two, scores, row(0, 2), row(0, 1), 1e-8)).toMatchObject({ ok: false, firstIndex: [0, 0, 0, 1] });
    expect(check(two, scores, row(0, 2), row(0, 1), undefined)).toMatchObject({ ok: false });
  });

  it("may not differ in more rows than are allowed, however close", () => {
    const scores = [0.4, 0.2000001, 0.2, 0.1];
    const outcome = checkMask({
      spec: { ...spec, policy: two },
      got: all(row(0, 2)),
      expected: all(row(0, 1)),
      scores: [...scores, ...scores, ...scores, ...scores],
      masses: [...scores, ...scores, ...scores, ...scores],
      columns: 4,
      margin: 1e-5,
      most: 0.5,
    });
    expect(outcome).toMatchObject({ ok: false, note: "4 of 4 rows decided too close to call; 3 are allowed" });
  });

  it("may differ where a sum is too close to the mass to cover", () => {
    const scores = [0.4, 0.3, 0.2, 0.1];
    expect(check(coverMass(0.7000001), scores, row(0, 1), row(0, 1, 2), 1e-5).ok).toBe(true);
    expect(check(coverMass(0.75), scores, row(0, 1), row(0, 1, 2), 1e-5).ok).toBe(false);
  });

  it("may differ among scores that underflow in float32", () => {
    expect(check(two, [1, 1e-40, 1e-60, 0], row(0, 3), row(0, 1), 1e-6).ok).toBe(true);
    expect(check(two, [1, 1e-20, 1e-60, 0], row(0, 3), row(0, 1), 1e-6).ok).toBe(false);
  });

  it("may not differ in ties that must be exact", () => {
    expect(check(two, [0.25, 0.25, 0.25, 0.25], row(1, 2), row(0, 1), undefined).ok).toBe(false);
    expect(check(two, [0.25, 0.25, 0.25, 0.25], row(0, 1), row(0, 1), undefined).ok).toBe(true);
  });
});

describe("gain maps", () => {
  const sides = { gain: [1, 2, 3, 4], error: [1.0000001, 1, 5, 1] };

  it("may differ where both sides are equal but for rounding; those rows are left out of what follows", () => {
    const { outcome, close } = checkGain([1, 1, 0, 1], [0, 1, 0, 1], sides, { margin: 1e-6 }, [1, 1, 2, 2]);
    expect(outcome).toMatchObject({ ok: true, note: "1 rows with a gain too close to call" });
    expect([...close]).toEqual([0]);
    expect(checkGain([0, 0, 0, 1], [0, 1, 0, 1], sides, { margin: 1e-6 }, [1, 1, 2, 2]).outcome).toMatchObject({
      ok: false,
      firstIndex: [0, 0, 0, 1],
    });
    const left = new LeftOut({ heads: 1, headDim: 3, blockSize: 64, visualTokens: 100, textTokens: 2 });
    left.rows = close;
    const factor = left.of([1, 1, 2], true);
    expect([0, 1].map((at) => factor.includes!(at))).toEqual([false, true]);
    const output = left.of([1, 1, 102, 3], true);
    expect([0, 63 * 3 + 2, 64 * 3, 101 * 3].map((at) => output.includes!(at))).toEqual([false, false, true, true]);
    expect(output.note).toBe("1 of 2 rows left out: their gain was too close to call");
    expect(left.of([1, 1, 102], false)).toEqual({});
  });

  it("leave out rows where raster order puts them", () => {
    const order = Int32Array.from({ length: 128 }, (_, i) => 127 - i);
    const layout = {
      grid: [2, 8, 8] as const,
      blockSize: 64,
      order,
      inverse: order,
      neighbours: new Uint8Array(4),
      firstFrameBlocks: Int32Array.of(0),
    };
    const left = new LeftOut({ heads: 1, headDim: 1, blockSize: 64, visualTokens: 128, layout });
    left.rows = new Set([0]);
    const { includes } = left.of([1, 1, 128, 1], true);
    expect([0, 63, 64, 127].map((at) => includes!(at))).toEqual([true, true, false, false]);
  });
});

describe("strata", () => {
  const spec: AttentionSpec = { heads: 1, headDim: 1, blockSize: 64, visualTokens: 64, tail: { strataPerBlock: 2 } };
  // Keys on a line; tokens 31 and 32 are on either side of the cut, `gap` apart.
  const inputs = (gap: number) => {
    const key = Float32Array.from({ length: 64 }, (_, i) => (i === 32 ? 31 + gap : i));
    const tensor = new HostTensor("f32", [1, 1, 64, 1], key);
    return { query: tensor, key: tensor, value: tensor };
  };
  const order = (swap: boolean) => {
    const slots = Int32Array.from({ length: 64 }, (_, i) => i);
    if (swap) [slots[31], slots[32]] = [32, 31];
    return new HostTensor("i32", [1, 1, 64], slots);
  };
  const judge = (gap: number, swap: boolean) =>
    checkStrata({ spec, inputs: inputs(gap), got: order(swap), expected: order(false), margin: 1e-4 });

  it("may differ where the cut is too close; those heads are left out of what follows", () => {
    expect(judge(1, false)).toMatchObject({ outcome: { ok: true, maxError: 0 } });
    expect(judge(1, true).outcome).toMatchObject({ ok: false, firstIndex: [0, 0, 31], got: 32, expected: 31 });
    const { outcome, close } = judge(2 ** -12, true);
    expect(outcome).toMatchObject({ ok: true, note: "1 blocks cut too close to call" });
    const left = new LeftOut({ ...spec, heads: 2 });
    left.heads = close;
    const { includes, note } = left.of([1, 2, 1, 2, 5], false);
    expect([0, 9, 10].map((at) => includes!(at))).toEqual([false, false, true]);
    expect(note).toBe("1 of 2 heads left out: their strata were too close to call");
  });
});
