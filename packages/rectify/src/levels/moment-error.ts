import { levelStart, nodeRowCount } from "@spaattn/attention";
import { dot } from "@spaattn/mask";
import type { StrataBias } from "../tail/bias.js";
import type { Summaries } from "../tail/summaries.js";

/** One query block, with what is known of the keys. */
export interface ErrorInput {
  readonly blocks: number;
  readonly headDim: number;
  /** L */
  readonly depth: number;
  readonly summaries: Summaries;
  /** Cluster of the query block. */
  readonly group: number;
  /** Variance, shift and bias of every node for this query block. */
  readonly bias: StrataBias;
  /** `[T_v, d]` valid text keys; empty without text */
  readonly textKey: Float64Array;
  /** `[T_v, d]` */
  readonly textValue: Float64Array;
  /** s */
  readonly scale: number;
  /** Cap of τ. */
  readonly tauMax: number;
}

export interface BlockErrors {
  /** `[L + 1, n]` */
  readonly error: Float64Array;
  /** Squared length of the output that the leaves imply. */
  readonly power: number;
}

/**
 * `E_l(i, j)` of every level for one query block, from moments (beyond.md section 6 at level l; levels.md section 3).
 *
 * @param query `[d]` mean query of the block
 */
export function momentErrors(query: Float64Array, input: ErrorInput): BlockErrors {
  const { blocks, headDim: d, depth, summaries, bias, tauMax } = input;
  const first = input.group * nodeRowCount(blocks, depth);
  const error = new Float64Array((depth + 1) * blocks);
  let power = 0;
  for (let level = 0; level <= depth; level++) {
    const start = levelStart(blocks, level);
    const logit = (row: number) =>
      input.scale * dot(query, 0, summaries.key, first + row, d) + summaries.mass[first + row] + bias.shift[row];
    const { weight, output } = expectedOutput(query, start, blocks * 2 ** level, logit, input);
    for (let u = 0; u < blocks * 2 ** level; u++) {
      const tau = Math.min(bias.variance[start + u], tauMax);
      let distance = 0;
      for (let ch = 0; ch < d; ch++) distance += (summaries.value[(first + start + u) * d + ch] - output[ch]) ** 2;
      const unit = tau * summaries.noise[first + start + u] + 0.25 * tau * tau * distance;
      error[level * blocks + Math.floor(u / 2 ** level)] += weight[u] ** 2 * unit;
    }
    if (level === depth) power = dot(output, 0, output, 0, d);
  }
  return { error, power };
}

/** Softmax over `count` nodes from row `start` on and the text: weights, log of the normaliser, mean of the values. */
export function expectedOutput(
  query: Float64Array,
  start: number,
  count: number,
  logit: (row: number) => number,
  input: ErrorInput,
) {
  const { blocks, headDim: d, depth, group, summaries, textKey, textValue, scale } = input;
  const first = group * nodeRowCount(blocks, depth);
  const weight = new Float64Array(count + textKey.length / d);
  for (let u = 0; u < weight.length; u++)
    weight[u] = u < count ? logit(start + u) : scale * dot(query, 0, textKey, u - count, d);
  const highest = weight.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  let total = 0;
  for (let u = 0; u < weight.length; u++) total += weight[u] = Math.exp(weight[u] - highest);
  const output = new Float64Array(d);
  for (let u = 0; u < weight.length; u++) {
    weight[u] /= total;
    const [values, row] = u < count ? [summaries.value, first + start + u] : [textValue, u - count];
    for (let ch = 0; ch < d; ch++) output[ch] += weight[u] * values[row * d + ch];
  }
  return { weight, output, logTotal: highest + Math.log(total) };
}
