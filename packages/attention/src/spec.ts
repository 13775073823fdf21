import type { FloatDType } from "@spaattn/core";
import type { Geometry } from "./geometry.js";
import type { TokenLayout } from "./layout.js";
import type { LevelsOptions, ResolvedLevels } from "./levels/options.js";
import type { Policy } from "./policy.js";

/** What happens to the blocks that are not computed. */
export type Rectify = "none" | "paper" | "tail" | "levels";

/** `corrected` mends every item of algorithm.md 8.1; `reference` reproduces the original, for comparison. */
export type Behaviour = "corrected" | "reference";

/** How keys are split inside a block (beyond.md section 3). */
export type Strata = "local" | "eigen" | "contiguous";

/** Parameters of tail rectification (beyond.md section 10). */
export interface TailOptions {
  /** Strata per key block, a power of two that divides the block size (1, 2, 4 or 8). */
  readonly strataPerBlock: number;
  readonly strata: Strata;
  /** Power iterations of the split. */
  readonly steps: number;
  /** Query blocks per anchor, or `"all"`. */
  readonly group: number | "all";
  /** Cap of the second-order shift in the bias, in nats. */
  readonly hMax: number;
  /** Cap of the logit variance in the error estimate. */
  readonly tauMax: number;
  /** Floor of the tangent offset in the shift. */
  readonly mMin: number;
}

export const TAIL_DEFAULTS: TailOptions = {
  strataPerBlock: 4,
  strata: "local",
  steps: 8,
  group: "all",
  hMax: 1,
  tauMax: 6,
  mMin: 1e-3,
};

/** Tensors a run can return besides `output`; shapes in `plan.ts`. */
export const EXTRAS = [
  "lse",
  "mask",
  "queryMean",
  "keyMean",
  "valueMean",
  "queryDeviation",
  "keyDeviation",
  "scores",
  "probabilities",
  "gain",
  "factor",
  "compensation",
  "anchor",
  "querySpread",
  "order",
  "strataKey",
  "strataValue",
  "strataMass",
  "strataSpread",
  "strataNoise",
  "logitVariance",
  "bias",
  "strataBias",
  "blockError",
  "blockMass",
  // rectify "levels"
  "cluster",
  "probe",
  "probeCount",
  "nodeKey",
  "nodeValue",
  "nodeMass",
  "nodeSpread",
  "nodeNoise",
  "momentError",
  "probeError",
  "levelError",
  "outputPower",
  "choice",
  "multiplier",
  "rowCounts",
  "rowIndices",
  "rowBias",
] as const;

export type Extra = (typeof EXTRAS)[number];

/** One attention call, as a person writes it. Tensors are `[batch, heads, visualTokens + textTokens, headDim]`. */
export interface AttentionSpec {
  readonly batch?: number;
  readonly heads: number;
  readonly headDim: number;
  readonly visualTokens: number;
  readonly textTokens?: number;
  /** Valid text tokens per batch item (a number: for all items). Default: all slots. */
  readonly textValid?: number | readonly number[];
  /** 128 (default) or 64. */
  readonly blockSize?: number;
  /** Softmax scale; default `headDim ** -0.5`. */
  readonly scale?: number;
  /** Of query, key and value; default `f32`. */
  readonly dtype?: FloatDType;
  /** Of the output; default `dtype`. */
  readonly outputDtype?: FloatDType;
  /** True: every block is computed, `policy` and `rectify` are ignored. */
  readonly dense?: boolean;
  /** Default `topBlocks({ dropRate: 0.8 })`. */
  readonly policy?: Policy;
  /** Default `"tail"`. */
  readonly rectify?: Rectify;
  readonly tail?: Partial<TailOptions>;
  readonly levels?: LevelsOptions;
  readonly behaviour?: Behaviour;
  readonly layout?: TokenLayout;
  /** Order of the caller's tensors: `raster` is permuted in and out. Default `raster` with a layout, else `curve`. */
  readonly tokenOrder?: "raster" | "curve";
  readonly extras?: readonly Extra[];
}

/** A spec with every default filled in and every value checked. */
export interface ResolvedSpec {
  readonly geometry: Geometry;
  readonly dtype: FloatDType;
  readonly outputDtype: FloatDType;
  readonly dense: boolean;
  readonly policy: Policy;
  readonly rectify: Rectify;
  readonly tail: TailOptions;
  readonly levels: ResolvedLevels;
  readonly behaviour: Behaviour;
  readonly layout?: TokenLayout;
  readonly permute: boolean;
  readonly extras: readonly Extra[];
}
