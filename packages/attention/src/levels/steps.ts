import type { Tensor } from "@spaattn/core";
import type { RunContext } from "../backend.js";
import type { ResolvedLevels } from "./options.js";

/*
 * The steps of `rectify: "levels"` (levels.md), in order; attention itself is `AttendStep`. Shapes as in steps.ts, and
 * L = depth, g = clusters, R = probes, m = n * (2^(L+1) - 1) rows of nodes: node u of level l is row n * (2^l - 1) + u.
 */

/** Means, clusters, anchors and probes of the query blocks (sections 2 and 3). */
export interface ClusterStep extends Pick<ResolvedLevels, "clusters" | "probes" | "steps"> {
  readonly op: "cluster";
}
export interface ClusterInputs {
  query: Tensor;
}
export interface ClusterOutputs {
  /** `[b, h, n, d]` float */
  queryMean: Tensor;
  /** `[b, h, n]` i32: cluster of each query block */
  cluster: Tensor;
  /** `[b, h, g, d]` float; zeros where a head has fewer clusters */
  anchor: Tensor;
  /** `[b, h, n, d]` float: second moment of the block's queries about the anchor of its cluster */
  querySpread: Tensor;
  /** `[b, h, n, R, d]` float: means of the parts of each query block; zeros where there are fewer. Absent without probes. */
  probe?: Tensor;
  /** `[b, h, n]` i32: parts that hold tokens */
  probeCount?: Tensor;
}

/** Splits every key block into nested nodes and summarises all levels at every anchor (section 2). */
export interface NodesStep extends Pick<ResolvedLevels, "depth" | "gamma" | "steps"> {
  readonly op: "nodes";
}
export interface NodesInputs {
  key: Tensor;
  value: Tensor;
  anchor: Tensor;
}
export interface NodesOutputs {
  /** `[b, h, n * blockSize]` i32: slot to token index; entries >= visualTokens are padding. Optional. */
  order?: Tensor;
  /** `[b, h, g, m, d]` float */
  nodeKey: Tensor;
  /** `[b, h, g, m, d]` float */
  nodeValue: Tensor;
  /** `[b, h, g, m]` float: the tangent offset; -inf for an empty node */
  nodeMass: Tensor;
  /** `[b, h, g, m, d]` float: kappa */
  nodeSpread: Tensor;
  /** `[b, h, g, m]` float: nu */
  nodeNoise: Tensor;
}

/** What every level of every pair of blocks is expected to cost in error (section 3). */
export interface ErrorsStep extends Pick<ResolvedLevels, "depth" | "probes" | "hMax" | "tauMax" | "mMin"> {
  readonly op: "errors";
}
export interface ErrorsInputs {
  queryMean: Tensor;
  querySpread: Tensor;
  cluster: Tensor;
  probe?: Tensor;
  probeCount?: Tensor;
  nodeKey: Tensor;
  nodeValue: Tensor;
  nodeMass: Tensor;
  nodeSpread: Tensor;
  nodeNoise: Tensor;
  /** For the text keys and values. */
  key: Tensor;
  value: Tensor;
}
export interface ErrorsOutputs {
  /** `[b, h, L + 1, n, n]` float: S + beta E, without probes E */
  levelError: Tensor;
  /** `[b, h, n]` float: squared length of the expected output, mean over the probes */
  outputPower: Tensor;
  /** `[b, h, L + 1, n, n]` float: E. Optional. */
  momentError?: Tensor;
  /** `[b, h, L + 1, n, n]` float: S. Optional. */
  probeError?: Tensor;
}

/** One option for every pair of blocks (section 4). */
export interface ChooseStep
  extends Pick<ResolvedLevels, "levels" | "budgets" | "scope" | "search" | "tolerance" | "weight"> {
  readonly op: "choose";
}
export interface ChooseInputs {
  levelError: Tensor;
  outputPower: Tensor;
  /** `[n, n]` u8: pairs that are attended exactly whatever their error. */
  forced?: Tensor;
}
export interface ChooseOutputs {
  /** `[b, h, n, n]` u8: a level, or 255 for exact */
  choice: Tensor;
  /** `[b, h, n]` float: lambda; infinite where the budget is below the least cost, 0 where it is 1. Optional. */
  multiplier?: Tensor;
}

/** Lists of exact blocks, and of rows with their biases (section 5). */
export interface GatherStep extends Pick<ResolvedLevels, "depth" | "hMax" | "mMin"> {
  readonly op: "gather";
}
export interface GatherInputs {
  choice: Tensor;
  querySpread: Tensor;
  cluster: Tensor;
  nodeMass: Tensor;
  nodeSpread: Tensor;
}
export interface GatherOutputs {
  /** `[b, h, n]` i32: exact key blocks of each row, text included */
  counts: Tensor;
  /** `[b, h, n, blocks]` i32: ascending; slots past the count are undefined */
  indices: Tensor;
  /** `[b, h, n]` i32: node rows of each query block */
  rowCounts: Tensor;
  /** `[b, h, n, n * 2^L]` i32: levels descending, ascending within a level; empty nodes left out */
  rowIndices: Tensor;
  /** `[b, h, n, n * 2^L]` float: bias of each row */
  rowBias: Tensor;
}

export type LevelsStep = ClusterStep | NodesStep | ErrorsStep | ChooseStep | GatherStep;

/** The steps of levels as primitives. A backend may run whole plans with levels and still have none of these. */
export interface LevelsPrimitives {
  cluster(step: ClusterStep, inputs: ClusterInputs, outputs: ClusterOutputs, context: RunContext): void | Promise<void>;
  nodes(step: NodesStep, inputs: NodesInputs, outputs: NodesOutputs, context: RunContext): void | Promise<void>;
  errors(step: ErrorsStep, inputs: ErrorsInputs, outputs: ErrorsOutputs, context: RunContext): void | Promise<void>;
  choose(step: ChooseStep, inputs: ChooseInputs, outputs: ChooseOutputs, context: RunContext): void | Promise<void>;
  gather(step: GatherStep, inputs: GatherInputs, outputs: GatherOutputs, context: RunContext): void | Promise<void>;
}
