import { type AttentionSpec, type Behaviour, coverMass, firstFrame, topBlocks, union } from "@spaattn/attention";
import { HostTensor } from "@spaattn/core";
import { describe, expect, it } from "vitest";
import { distance, evaluate, relative, spelledOut, waves } from "./harness.js";

/*
 * Every item of docs/corrections.md that concerns attention itself, shown both ways: what the original does, and what we do.
 * Where the original has no counterpart here (it crashes, or mixes up batch items), its rule is spelled out in the test.
 */

const video: AttentionSpec = {
  heads: 1,
  headDim: 8,
  blockSize: 64,
  visualTokens: 196,
  rectify: "paper",
  policy: topBlocks({ dropRate: 0.5 }),
};
const joint: AttentionSpec = { ...video, visualTokens: 256, textTokens: 20 };
const both = async (spec: AttentionSpec) =>
  Promise.all((["corrected", "reference"] as Behaviour[]).map((behaviour) => evaluate({ ...spec, behaviour })));
const selected = (mask: Float64Array, row: number, columns: number) =>
  [...mask.subarray(row * columns, (row + 1) * columns)].flatMap((x, j) => (x ? [j] : []));

describe("8.1", () => {
  it("no. 1: the first frame is a sink for every row; the original links the first blocks of the curve", async () => {
    // Blocks 1 and 3 hold frame 0 in this order, block 0 does not.
    const layout = {
      grid: [4, 8, 8] as const,
      blockSize: 64,
      order: Int32Array.from({ length: 256 }, (_, i) => (i + 160) % 256),
      inverse: Int32Array.from({ length: 256 }, (_, i) => (i + 96) % 256),
      neighbours: new Uint8Array(16),
      firstFrameBlocks: Int32Array.of(1, 2),
    };
    const spec: AttentionSpec = {
      ...video,
      visualTokens: 256,
      layout,
      tokenOrder: "curve",
      policy: firstFrame(),
      rectify: "none",
      extras: ["mask"],
    };
    const [ours, original] = await both(spec);
    for (let row = 0; row < 4; row++) expect(selected(ours.mask, row, 4)).toEqual([1, 2]);
    expect([0, 1, 2, 3].map((row) => selected(original.mask, row, 4))).toEqual([[0], [], [], []]);
  });

  it("no. 2: a last block with four tokens is pooled over four; the original pools 60 zero rows as well", async () => {
    const extras = ["queryMean", "probabilities", "queryDeviation"] as const;
    const [ours, original] = await both({ ...video, extras });
    expect(
      distance(
        original.queryMean.subarray(24).map((x) => x * 16),
        ours.queryMean.subarray(24),
      ),
    ).toBeLessThan(1e-12);
    expect(distance(original.queryMean.subarray(24), ours.queryMean.subarray(24))).toBeGreaterThan(0.1);
    // With equal keys every token has the same mass, so the last block has 4 of 196.
    const io = waves(video);
    const key = new HostTensor("f32", io.key.shape);
    for (const [behaviour, mass] of [
      ["corrected", 4 / 196],
      ["reference", 1 / 4],
    ] as const) {
      const { probabilities } = await evaluate({ ...video, behaviour, extras }, { ...io, key });
      expect(probabilities[3]).toBeCloseTo(mass, 12);
    }
    // And the rows of that block come out closer to dense.
    const dense = await evaluate({ ...video, dense: true });
    const last = (x: Float64Array) => x.subarray(192 * 8);
    expect(relative(last(ours.output), last(dense.output))).toBeLessThan(
      relative(last(original.output), last(dense.output)),
    );
  });

  it("no. 3: drop rate 0 is dense; in the original text takes a place, and a row can be left with text alone", async () => {
    // Strong text: queries and text keys point the same way.
    const io = waves(joint);
    const [query, key] = [io.query.to("f32"), io.key.to("f32")];
    query.data.fill(1);
    key.data.fill(1, 256 * 8);
    const text = { ...io, query, key };
    const all = { ...joint, policy: topBlocks({ dropRate: 0 }), extras: ["mask"] as const };
    const ours = await evaluate(all, text);
    const original = await evaluate({ ...all, behaviour: "reference" }, text);
    const dense = await evaluate({ ...joint, dense: true }, text);
    expect(distance(ours.output, dense.output)).toBeLessThan(1e-6);
    expect(distance(original.output, dense.output)).toBeGreaterThan(1e-3);
    expect([...ours.mask].every((x) => x === 1)).toBe(true);
    key.data.fill(3, 256 * 8);
    const strong = { ...joint, policy: union(topBlocks({ dropRate: 1 }), coverMass(0.3)), extras: ["mask"] as const };
    const visual = async (behaviour: Behaviour) =>
      selected((await evaluate({ ...strong, behaviour }, text)).mask, 0, 5).filter((j) => j < 4);
    expect(await visual("corrected")).toHaveLength(1);
    expect(await visual("reference")).toEqual([]);
  });

  it("no. 7: every batch item has its own text length; the original's kernel reads that of item 0", async () => {
    const spec: AttentionSpec = { ...joint, batch: 2, textValid: [3, 20], extras: ["lse"] };
    const io = waves(spec);
    const batch = await evaluate(spec, io);
    const item = (tensor: HostTensor, i: number) =>
      new HostTensor("f32", [1, 1, 276, 8], tensor.toFloat32().slice(i * 276 * 8, (i + 1) * 276 * 8));
    const alone = (i: number, textValid: number) =>
      evaluate(
        { ...spec, batch: 1, textValid },
        { query: item(io.query, i), key: item(io.key, i), value: item(io.value, i) },
      );
    const part = (i: number) => batch.output.subarray(i * 276 * 8, (i + 1) * 276 * 8);
    expect(distance(part(0), (await alone(0, 3)).output)).toBe(0);
    expect(distance(part(1), (await alone(1, 20)).output)).toBe(0);
    expect(distance(part(1), (await alone(1, 3)).output)).toBeGreaterThan(1e-2);
  });

  it("no. 8: inputs stay as they are, whatever stands in invalid slots; the original zeroes those keys and values", async () => {
    const spec: AttentionSpec = { ...joint, textValid: 7 };
    for (const rectify of ["none", "paper", "tail"] as const) {
      const io = waves(spec);
      for (const tensor of Object.values(io)) tensor.data.fill(1e4, 263 * 8);
      const before = Object.values(io).map((tensor: HostTensor) => tensor.data.slice());
      const poisoned = await evaluate({ ...spec, rectify }, io);
      expect(Object.values(io).map((tensor: HostTensor) => tensor.data)).toEqual(before);
      // The zeroing is visible in the caller's tensors, not in the result.
      for (const tensor of [io.key, io.value]) tensor.data.fill(0, 263 * 8);
      expect(io.key.data).not.toEqual(before[1]);
      expect(distance((await evaluate({ ...spec, rectify }, io)).output, poisoned.output)).toBe(0);
    }
  });

  it("no. 9: the pooled stage does not round to the type of the inputs; bfloat16 statistics are off by a percent", async () => {
    const extras = ["queryMean", "factor"] as const;
    const io = waves(video);
    const half = { query: io.query.to("bf16"), key: io.key.to("bf16"), value: io.value.to("bf16") };
    const wide = { query: half.query.to("f32"), key: half.key.to("f32"), value: half.value.to("f32") };
    const ours = await evaluate({ ...video, dtype: "bf16", extras }, half);
    const exact = await evaluate({ ...video, extras }, wide);
    expect(distance(ours.queryMean, exact.queryMean)).toBe(0);
    expect(distance(ours.factor, exact.factor)).toBe(0);
    const rounded = new HostTensor("f32", [32], Float32Array.from(exact.queryMean)).to("bf16").toFloat32();
    expect(distance(rounded, exact.queryMean)).toBeGreaterThan(1e-3);
  });

  it("no. 10: no valid text is the model without text; the original crashes", async () => {
    const io = waves(joint);
    const visual = (tensor: HostTensor) => new HostTensor("f32", [1, 1, 256, 8], tensor.toFloat32().slice(0, 256 * 8));
    const without = { query: visual(io.query), key: visual(io.key), value: visual(io.value) };
    for (const rectify of ["none", "paper", "tail"] as const) {
      const ours = await evaluate({ ...joint, textValid: 0, rectify }, io);
      const alone = await evaluate({ ...joint, textTokens: 0, rectify }, without);
      expect(distance(ours.output.subarray(0, 256 * 8), alone.output)).toBe(0);
    }
    await expect(evaluate({ ...joint, textValid: 0, behaviour: "reference" }, io)).rejects.toThrow(
      /corrections\.md#no-10/,
    );
  });

  it("no. 11: any number of visual tokens works with text; the original crashes or mixes text into a block", async () => {
    const ragged: AttentionSpec = { ...joint, visualTokens: 230, extras: ["mask", "valueMean"] };
    const io = waves(ragged);
    const ours = await evaluate({ ...ragged, policy: topBlocks({ dropRate: 0 }) }, io);
    expect(
      distance(
        ours.output,
        spelledOut(ragged, io, () => true),
      ),
    ).toBeLessThan(1e-6);
    // No text token takes part in the last visual block's mean.
    const changed = { ...io, value: io.value.to("f32") };
    changed.value.data.fill(99, 230 * 8);
    expect(distance((await evaluate(ragged, changed)).valueMean, ours.valueMean)).toBe(0);
    await expect(evaluate({ ...ragged, behaviour: "reference" }, io)).rejects.toThrow(/corrections\.md#no-11/);
  });

  it("no. 12: dropping 0.8 of ten blocks keeps two; the original's rounding keeps one", async () => {
    const spec: AttentionSpec = {
      ...video,
      headDim: 2,
      visualTokens: 640,
      policy: topBlocks({ dropRate: 0.8 }),
      extras: ["mask"],
    };
    const [ours, original] = await both(spec);
    expect(selected(ours.mask, 0, 10)).toHaveLength(2);
    expect(selected(original.mask, 0, 10)).toHaveLength(1);
  });

  it("no. 20: rows of invalid text are zero, sparse and dense alike", async () => {
    for (const dense of [true, false]) {
      const { output } = await evaluate({ ...joint, textValid: 7, dense });
      expect(output.subarray(263 * 8).every((x) => x === 0)).toBe(true);
      expect(output.subarray(262 * 8, 263 * 8).some((x) => x !== 0)).toBe(true);
    }
  });

  it("no. 21: with equal scores the lower blocks win, every time", async () => {
    const spec: AttentionSpec = { ...video, visualTokens: 256, policy: topBlocks({ dropRate: 0.5 }), extras: ["mask"] };
    const io = waves(spec);
    const query = new HostTensor("f32", io.query.shape);
    for (const rectify of ["none", "paper"] as const) {
      const { mask } = await evaluate({ ...spec, rectify }, { ...io, query });
      for (let row = 0; row < 4; row++) expect(selected(mask, row, 4)).toEqual([0, 1]);
    }
    const { mask } = await evaluate({ ...spec, rectify: "tail" }, { ...io, query });
    expect([0, 1, 2, 3].map((row) => selected(mask, row, 4))).toEqual([
      [0, 1],
      [0, 1],
      [0, 2],
      [0, 3],
    ]);
  });
});
