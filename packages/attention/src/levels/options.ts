/** What rows share one budget: all heads of a batch item, one head, or one query block. */
export type LevelsScope = "call" | "head" | "row";

/** How the multiplier of a budget is found: to the last step, or to a bin of a histogram (one pass). */
export type LevelsSearch = "exact" | "histogram";

/** Parameters of `rectify: "levels"`, as a person writes them (levels.md). */
export interface LevelsOptions {
  /** Share of the cost of dense attention to spend; default `(1 - dropRate) + dropRate * 4 / blockSize`. */
  readonly budget?: number;
  /** Default `"call"`. */
  readonly scope?: LevelsScope;
  /**
   * A quality target instead of a budget: the multiplier itself, in squared output per block. Cost then floats. With
   * `relative` in units of the mean squared length of the outputs.
   */
  readonly tolerance?: number | { readonly relative: number };
  /** Runs that use one choice: `run(io, { site })` of the same site. Default 1: every run chooses. */
  readonly refresh?: number;
  /** The levels to choose from besides exact blocks; default all, `0 … depth`. */
  readonly levels?: readonly number[];
  /** Finest level: a block has `2^depth` leaves. Default `log2(blockSize) - 2`: leaves of 4 tokens. */
  readonly depth?: number;
  /** How much values count beside keys where blocks are split. Default 0.5. */
  readonly gamma?: number;
  /** Power iterations of each cut. Default 8. */
  readonly steps?: number;
  /** Clusters of query blocks, each with an anchor of its own; default `min(16, ceil(blocks / 4))`. */
  readonly clusters?: number;
  /** Probes per query block, a power of two; 0: errors from moments alone. Default 4. */
  readonly probes?: number;
  /** `relative` serves all heads alike instead of by the size of their outputs. Default `"absolute"`. */
  readonly weight?: "absolute" | "relative";
  readonly search?: LevelsSearch;
  /** Cap of the second-order shift in the bias, in nats. Default 1. */
  readonly hMax?: number;
  /** Cap of the logit variance in the error estimate. Default 6. */
  readonly tauMax?: number;
  /** Floor of the tangent offset in the shift. Default 1e-3. */
  readonly mMin?: number;
}

/** The same with every default filled in for one geometry. */
export interface ResolvedLevels {
  /** `[heads]` shares of dense cost. */
  readonly budgets: readonly number[];
  readonly scope: LevelsScope;
  readonly tolerance?: number | { readonly relative: number };
  readonly refresh: number;
  /** Ascending. */
  readonly levels: readonly number[];
  readonly depth: number;
  readonly gamma: number;
  readonly steps: number;
  readonly clusters: number;
  readonly probes: number;
  readonly weight: "absolute" | "relative";
  readonly search: LevelsSearch;
  readonly hMax: number;
  readonly tauMax: number;
  readonly mMin: number;
}
