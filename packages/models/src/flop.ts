import type { TokenLayout } from "@spaattn/attention";
import {
  type Behaviour,
  type Geometry,
  type LevelsOptions,
  lowerPolicy,
  type Policy,
  type Rectify,
  resolveLevels,
  TAIL_DEFAULTS,
  type TailOptions,
} from "@spaattn/attention";

/** Work of one attention call, a multiplication and an addition counted as two. */
export interface CallCost {
  /** All of it, estimation included. */
  readonly flop: number;
  /** The part that finds the blocks and corrects for the others. */
  readonly estimationFlop: number;
  /** Share of the visual blocks that are computed. A lower bound when `coverMass` may add blocks. */
  readonly density: number;
}

/** Every row over every valid slot: `4 * tokens^2 * headDim` per head. */
export function denseCost({ batch, heads, headDim, tokens }: Geometry): CallCost {
  return { flop: 4 * batch * heads * tokens * tokens * headDim, estimationFlop: 0, density: 1 };
}

export interface SparseCall {
  readonly geometry: Geometry;
  readonly policy: Policy;
  readonly rectify: Rectify;
  readonly behaviour: Behaviour;
  readonly layout: TokenLayout;
  readonly tail?: Partial<TailOptions>;
  readonly levels?: LevelsOptions;
}

/** Cost of a sparse call; estimation as in beyond.md section 11 and the end of algorithm.md section 6. */
export function sparseCost(call: SparseCall): CallCost {
  const { geometry, rectify } = call;
  const { batch, heads, headDim: d, visualTokens: N, textTokens: T, tokens: S } = geometry;
  if (rectify === "levels") return levelsCost(call);
  const density = policyDensity(call);
  const perHead = 4 * d * (density * N * N + N * T + T * S);
  const estimation = 4 * d * N * N * (rectify === "tail" ? tailShare(geometry, call.tail) : paperShare(geometry));
  const scale = batch * heads;
  return { flop: scale * (perHead + estimation), estimationFlop: scale * estimation, density };
}

/** The budget counts everything that is attended; splitting, summaries and estimates come on top (levels.md section 7). */
function levelsCost({ geometry, policy, levels = {} }: SparseCall): CallCost {
  const { batch, heads, headDim: d, visualTokens: N, textTokens: T, tokens: S, blockSize: B } = geometry;
  const { budgets, depth, steps, probes, clusters } = resolveLevels(levels, geometry, policy);
  const density = budgets.reduce((sum, budget) => sum + Math.min(1, budget), 0) / heads;
  const nodes = 2 ** (depth + 1) - 1;
  const split = (2 * depth * steps + Math.log2(Math.max(1, probes)) * steps + 2.7 * clusters) / N;
  const estimation = 4 * d * N * N * (split + (nodes * (4 * d + probes * (2 * d + 32))) / (4 * B * B * d));
  const perHead = 4 * d * (density * N * N + N * T + T * S);
  const scale = batch * heads;
  return { flop: scale * (perHead + estimation), estimationFlop: scale * estimation, density };
}

/** Pseudo-tiles, strata, summaries, bias and selection, as a share of dense attention. */
function tailShare({ visualTokens: N, blockSize: B, visualBlocks: n }: Geometry, tail: Partial<TailOptions> = {}) {
  const { strataPerBlock: c, steps, group, strata } = { ...TAIL_DEFAULTS, ...tail };
  const split = strata === "contiguous" ? 0 : (Math.log2(c) * steps) / N;
  const summaries = group === "all" || group >= n ? 2 / N : 2 / (B * group);
  return c / B + split + summaries + (2 * c) / (B * B);
}

/** Pooled logits, both error terms and the compensation: four `n x n x d` products. */
const paperShare = ({ blockSize: B }: Geometry): number => 2 / (B * B);

/** Mean over heads of the share of blocks that a policy computes at least. */
export function policyDensity({ geometry, policy, rectify, behaviour, layout }: SparseCall): number {
  const { visualBlocks: n, heads } = geometry;
  const { topBlocks, forced } = lowerPolicy(policy, { geometry, behaviour, rectify, layout });
  let blocks = 0;
  for (let row = 0; row < n; row++) {
    let always = 0;
    if (forced) for (let column = 0; column < n; column++) always += forced[row * n + column];
    for (const top of topBlocks) blocks += Math.max(1, top, always);
  }
  return blocks / (n * n * heads);
}
