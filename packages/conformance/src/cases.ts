import {
  type AttentionSpec,
  always,
  coverMass,
  firstFrame,
  hostPolicy,
  neighbours,
  topBlocks,
  union,
} from "@spaattn/attention";
import { videoLayout } from "@spaattn/layout";
import type { InputKind } from "./inputs.js";

/** One conformance case: a spec (its dtype is the runner's choice) and the kind of tokens it runs on. */
export interface ConformanceCase {
  readonly name: string;
  /** `small` cases stay within 512 tokens, for slow devices and quick checks. */
  readonly size: "small" | "normal";
  readonly spec: AttentionSpec;
  readonly inputs: InputKind;
  readonly seed: number;
  /** Scores tie exactly: the rule for ties decides, and no entry of the mask may differ. */
  readonly exactMask?: boolean;
}

const MODES = ["none", "paper", "tail"] as const;
const half = topBlocks({ dropRate: 0.5 });
const strong = union(topBlocks({ dropRate: 0.75 }), coverMass(0.3));
const cases: ConformanceCase[] = [];

function add(name: string, spec: AttentionSpec, inputs: InputKind = "field"): void {
  const size = spec.visualTokens + (spec.textTokens ?? 0) <= 512 ? "small" : "normal";
  const exactMask = inputs === "equal";
  cases.push({ name, size, spec, inputs, seed: 100 + cases.length, exactMask });
}

function addModes(name: string, spec: AttentionSpec, inputs: InputKind = "field"): void {
  for (const rectify of MODES) add(`${name}, ${rectify}`, { ...spec, rectify }, inputs);
}

const base: AttentionSpec = { heads: 2, headDim: 64, visualTokens: 448, blockSize: 64, policy: half };

// Lengths.
add("dense", { ...base, dense: true });
add("dense, ragged, with text", { ...base, visualTokens: 301, textTokens: 77, textValid: 50, dense: true });
addModes("whole blocks", base);
addModes("ragged last block", { ...base, visualTokens: 397 });
addModes("last block of one token", { ...base, visualTokens: 385 });
addModes("one block", { ...base, visualTokens: 64 });
addModes("less than a block", { ...base, visualTokens: 37 });
addModes("one token", { ...base, visualTokens: 1 });
addModes("ragged, with text", { ...base, visualTokens: 333, textTokens: 90, textValid: 41, policy: strong });

// Text.
addModes("no valid text", { ...base, visualTokens: 320, textTokens: 64, textValid: 0 });
addModes("text only selected", { ...base, visualTokens: 320, textTokens: 64, policy: always([]) });
addModes("batch with different text lengths", {
  ...base,
  batch: 3,
  heads: 1,
  visualTokens: 260,
  textTokens: 130,
  textValid: [130, 0, 65],
  policy: strong,
});

// Numbers.
addModes("all scores equal", { ...base, visualTokens: 390, textTokens: 10 }, "equal");
addModes("huge logits", { ...base, visualTokens: 300, textTokens: 20 }, "huge");
addModes("tiny logits", { ...base, visualTokens: 300, textTokens: 20 }, "tiny");
addModes("peaked", { ...base, visualTokens: 448, textTokens: 30, policy: strong }, "peaked");
addModes("white noise", { ...base, visualTokens: 448, policy: strong }, "noise");
addModes("another scale", { ...base, scale: 0.05 });

addModes("output in f32", { ...base, visualTokens: 300, textTokens: 20, outputDtype: "f32" });

// Policies.
addModes("nothing dropped", { ...base, visualTokens: 420, textTokens: 12, policy: topBlocks({ dropRate: 0 }) });
addModes("everything dropped", { ...base, visualTokens: 420, textTokens: 12, policy: topBlocks({ dropRate: 1 }) });
addModes("mass alone", { ...base, policy: coverMass([0.2, 0.9]) });
addModes("a rate per head", { ...base, policy: topBlocks({ dropRate: [0.2, 0.85] }) });
addModes("fixed blocks", { ...base, policy: union(half, always([0, 5])) });
addModes("a host function", { ...base, policy: hostPolicy(({ block, scores }) => [block, scores.length - 1]) });
const layout = videoLayout({ grid: [4, 8, 12], blockSize: 64, textTokens: 20 });
const grid: AttentionSpec = { ...base, visualTokens: 384, textTokens: 20, layout };
addModes("neighbours and first frame", {
  ...grid,
  tokenOrder: "curve",
  policy: union(half, neighbours(), firstFrame("dense")),
});
addModes("neighbours and a host function", {
  ...grid,
  tokenOrder: "curve",
  policy: union(
    neighbours(),
    hostPolicy(({ scores }) => [scores.indexOf(Math.max(...scores))]),
  ),
});
addModes("first frame for every row", { ...grid, policy: union(strong, firstFrame("sink")) });
add("dense, raster order in and out", { ...grid, dense: true });
addModes("text in front, raster order in and out", {
  ...grid,
  layout: videoLayout({ grid: [4, 8, 12], blockSize: 64, textTokens: 20, text: "front" }),
});
addModes("raster order in and out", { ...grid, tokenOrder: "raster", policy: strong });

// The original's decisions, for comparison with its goldens.
for (const rectify of ["none", "paper"] as const) {
  add(`reference behaviour, ragged, ${rectify}`, {
    ...base,
    visualTokens: 397,
    policy: strong,
    rectify,
    behaviour: "reference",
  });
  add(`reference behaviour, text, ${rectify}`, {
    ...base,
    visualTokens: 384,
    textTokens: 100,
    textValid: 70,
    policy: strong,
    rectify,
    behaviour: "reference",
  });
}

// Tail parameters.
for (const strata of ["local", "eigen", "contiguous"] as const) {
  const spec: AttentionSpec = { ...base, visualTokens: 430, textTokens: 9, rectify: "tail", policy: strong };
  add(`strata ${strata}`, { ...spec, tail: { strata } });
  add(`strata ${strata}, groups of 3`, { ...spec, tail: { strata, group: 3 } });
}
for (const strataPerBlock of [1, 2, 8])
  add(`${strataPerBlock} strata per block`, { ...base, visualTokens: 430, rectify: "tail", tail: { strataPerBlock } });
for (const group of [1, 2] as const)
  add(`an anchor per ${group} blocks`, { ...base, visualTokens: 430, rectify: "tail", tail: { group } });
add("empty strata", { ...base, visualTokens: 387, textTokens: 5, rectify: "tail", tail: { strataPerBlock: 8 } });
add("one stratum per token is dense", {
  ...base,
  visualTokens: 250,
  rectify: "tail",
  tail: { strataPerBlock: 64, strata: "contiguous" },
  policy: topBlocks({ dropRate: 0.9 }),
});
add("other caps", { ...base, rectify: "tail", tail: { hMax: 0, tauMax: 2, mMin: 0.1, steps: 4 } });

// The sizes models use.
addModes("blocks of 128", {
  ...base,
  visualTokens: 1100,
  textTokens: 77,
  textValid: 60,
  blockSize: 128,
  policy: strong,
});
addModes(
  "head dim 128",
  { ...base, heads: 1, headDim: 128, visualTokens: 1100, blockSize: 128, policy: strong },
  "peaked",
);
addModes("head dim 128, blocks of 64", { ...base, heads: 1, headDim: 128, visualTokens: 500, textTokens: 12 });

const wide = (text: "behind" | "front") => ({
  ...base,
  visualTokens: 576,
  textTokens: 20,
  blockSize: 128,
  layout: videoLayout({ grid: [6, 8, 12], blockSize: 128, textTokens: 20, text }),
});
add("dense, raster order in and out, blocks of 128", { ...wide("behind"), dense: true });
addModes("raster order in and out, blocks of 128", { ...wide("behind"), policy: union(strong, neighbours()) });
addModes("text in front, raster order in and out, blocks of 128", { ...wide("front"), headDim: 128, policy: strong });

/** Every synthetic case, in a fixed order. */
export const conformanceCases: readonly ConformanceCase[] = cases;
