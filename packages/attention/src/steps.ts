import type { Tensor } from "@spaattn/core";
import type { LevelsStep } from "./levels/steps.js";
import type { Selection } from "./selection.js";
import type { Rectify, Strata } from "./spec.js";

/*
 * The steps of a plan. Each names its tensors by role; a backend has one function (one file) per kind of step.
 * Shapes use b batch, h heads, S tokens, d headDim, n visual blocks, g anchor groups, u = n * strataPerBlock strata.
 * "float" is the backend's accumulation type (`capabilities.accumulate`): f32, in the oracle f64.
 */

/** Reorders tokens: `tokens[:, :, i] = source[:, :, order[i]]`. */
export interface PermuteStep {
  readonly op: "permute";
}
export interface PermuteInputs {
  /** `[b, h, S, d]` */
  source: Tensor;
  /** `[S]` i32 */
  order: Tensor;
}
export interface PermuteOutputs {
  /** `[b, h, S, d]`, same dtype as `source` */
  tokens: Tensor;
}

/** Per-block statistics of the visual tokens (algorithm.md section 2, beyond.md section 2). */
export interface PoolStep {
  readonly op: "pool";
  /** `zero`: the last block is filled with zero rows, as the original does (algorithm.md 8.1 no. 2). */
  readonly padding: "valid" | "zero";
  /** Query blocks per anchor (n for one global anchor). Only for `anchor` and `querySpread`. */
  readonly group: number;
}
export interface PoolInputs {
  query: Tensor;
  key: Tensor;
  value: Tensor;
}
/** Every output is optional: a backend computes the ones that are there. All `[b, h, n, d]` float but `anchor`. */
export interface PoolOutputs {
  queryMean?: Tensor;
  keyMean?: Tensor;
  valueMean?: Tensor;
  queryDeviation?: Tensor;
  keyDeviation?: Tensor;
  /** `[b, h, g, d]` mean of all valid visual queries of the group */
  anchor?: Tensor;
  /** Element-wise second moment of the block's queries about the anchor of its group */
  querySpread?: Tensor;
}

/** Splits every key block into strata and summarises each at the anchors (beyond.md sections 3 and 4). */
export interface SummarizeStep {
  readonly op: "summarize";
  readonly strata: Strata;
  readonly strataPerBlock: number;
  readonly steps: number;
  readonly group: number;
}
export interface SummarizeInputs {
  /** Read with strata "eigen" only. */
  query: Tensor;
  key: Tensor;
  value: Tensor;
  anchor: Tensor;
}
export interface SummarizeOutputs {
  /** `[b, h, n * blockSize]` i32: slot to token index; entries >= visualTokens are padding. Optional. */
  order?: Tensor;
  /** `[b, h, g, u, d]` float */
  strataKey: Tensor;
  /** `[b, h, g, u, d]` float */
  strataValue: Tensor;
  /** `[b, h, g, u]` float: the tangent offset m; -inf for an empty stratum */
  strataMass: Tensor;
  /** `[b, h, g, u, d]` float: kappa */
  strataSpread: Tensor;
  /** `[b, h, g, u]` float: nu */
  strataNoise: Tensor;
}

interface EstimateCommon {
  readonly op: "estimate";
  readonly selection: Omit<Selection, "forced" | "host">;
  /** Slots per row of `indices`. */
  readonly stride: number;
}
/** Implicit full attention, selection, gain test and rectification (algorithm.md sections 3 to 6). */
export interface EstimatePaperStep extends EstimateCommon {
  readonly method: "paper";
  /** `valid`: a block weighs as many keys as it holds; `uniform`: all weigh `blockSize`, as in the original. */
  readonly weights: "valid" | "uniform";
}
/** Block errors, selection and the bias of every stratum (beyond.md sections 5 and 6). */
export interface EstimateTailStep extends EstimateCommon {
  readonly method: "tail";
  readonly strataPerBlock: number;
  readonly group: number;
  readonly hMax: number;
  readonly tauMax: number;
  readonly mMin: number;
}
export type EstimateStep = EstimatePaperStep | EstimateTailStep;

export interface EstimateInputs {
  queryMean: Tensor;
  /** For the text keys (and, in tail mode, text values). */
  key: Tensor;
  value: Tensor;
  /** `[n, n]` or `[b, h, n, n]` u8: blocks to select whatever their rank. */
  forced?: Tensor;
  // method "paper"
  keyMean?: Tensor;
  valueMean?: Tensor;
  queryDeviation?: Tensor;
  keyDeviation?: Tensor;
  // method "tail"
  querySpread?: Tensor;
  strataKey?: Tensor;
  strataValue?: Tensor;
  strataMass?: Tensor;
  strataSpread?: Tensor;
  strataNoise?: Tensor;
}
/** Only `counts` and `indices` are always there. */
export interface EstimateOutputs {
  /** `[b, h, n]` i32: selected key blocks of each row, text included */
  counts: Tensor;
  /** `[b, h, n, stride]` i32 (a backend may use u16): ascending key block indices; slots past the count are undefined */
  indices: Tensor;
  // method "paper"
  /** `[b, h, n]` float: R */
  factor?: Tensor;
  /** `[b, h, n, d]` float: E of algorithm.md section 6 */
  compensation?: Tensor;
  /** `[b, h, n, n]` float: unscaled pooled logits */
  scores?: Tensor;
  /** `[b, h, n, n]`, with text slots `[b, h, n, n + 1]` float: P */
  probabilities?: Tensor;
  /** `[b, h, n, n]` u8: G */
  gain?: Tensor;
  // method "tail"
  /** `[b, h, n, u]` float: b, and -inf for strata that are empty or whose block is selected */
  bias?: Tensor;
  /** `[b, h, n, u]` float: b before selected blocks are masked */
  strataBias?: Tensor;
  /** `[b, h, n, u]` float: tau */
  logitVariance?: Tensor;
  /** `[b, h, n, n]` float: E of beyond.md section 6 */
  blockError?: Tensor;
  /** `[b, h, n, n]` float: W */
  blockMass?: Tensor;
}

/** Attention over the selected blocks; text rows are dense (algorithm.md section 6, beyond.md section 7). */
export interface AttendStep {
  readonly op: "attend";
  /** True: every row attends every valid key; there are no other inputs than query, key and value. */
  readonly dense: boolean;
  readonly rectify: Rectify;
  /** Slots per row of `indices`; 0 when dense. */
  readonly stride: number;
  /** Tail only, else 1. */
  readonly strataPerBlock: number;
  /** Tail only, else n. */
  readonly group: number;
}
export interface AttendInputs {
  query: Tensor;
  key: Tensor;
  value: Tensor;
  counts?: Tensor;
  indices?: Tensor;
  factor?: Tensor;
  compensation?: Tensor;
  strataKey?: Tensor;
  strataValue?: Tensor;
  bias?: Tensor;
  // rectify "levels": besides the exact blocks of `counts` and `indices`, the listed rows of the block's cluster
  cluster?: Tensor;
  nodeKey?: Tensor;
  nodeValue?: Tensor;
  rowCounts?: Tensor;
  rowIndices?: Tensor;
  rowBias?: Tensor;
}
export interface AttendOutputs {
  /** `[b, h, S, d]`; rows of invalid text slots are zero */
  output: Tensor;
  /** `[b, h, S]` float: natural log of the softmax normaliser, pseudo-keys included, before R; -inf for invalid rows */
  lse?: Tensor;
}

export type Step = PermuteStep | PoolStep | SummarizeStep | EstimateStep | LevelsStep | AttendStep;
export type StepKind = Step["op"];
