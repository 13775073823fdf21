import { blockCount, blockMeans, type HeadShape } from "@spaattn/mask";
import { bisect } from "./bisect.js";

export interface NestedOrderOptions {
  /** L: every block is cut L times. */
  readonly depth: number;
  /** γ: how much values count beside keys. */
  readonly gamma: number;
  /** Power iterations of each cut. */
  readonly steps: number;
}

/**
 * The rows that are split, `[N, 2d]`: keys beside values of the same spread (levels.md section 2)
 *
 *     x_r = (k_r, γσ v_r)        σ² = Σ ‖k_r − k̄_block‖² / Σ ‖v_r − v̄_block‖²
 */
export function splitRows(key: Float64Array, value: Float64Array, shape: HeadShape, gamma: number): Float64Array {
  const { headDim: d, visualTokens } = shape;
  const valueSpread = spreadInBlocks(value, shape);
  const factor = valueSpread > 0 ? gamma * Math.sqrt(spreadInBlocks(key, shape) / valueSpread) : 0;
  const rows = new Float64Array(visualTokens * 2 * d);
  for (let a = 0; a < visualTokens; a++)
    for (let ch = 0; ch < d; ch++) {
      rows[2 * a * d + ch] = key[a * d + ch];
      rows[(2 * a + 1) * d + ch] = factor * value[a * d + ch];
    }
  return rows;
}

/** Sum of squared distances of the visual rows from the mean of their block. */
function spreadInBlocks(x: Float64Array, shape: HeadShape): number {
  const { headDim: d, visualTokens, blockSize } = shape;
  const means = blockMeans(x, shape);
  let sum = 0;
  for (let a = 0; a < visualTokens; a++) {
    const at = Math.floor(a / blockSize) * d;
    for (let ch = 0; ch < d; ch++) sum += (x[a * d + ch] - means[at + ch]) ** 2;
  }
  return sum;
}

/**
 * Slot to token index, `[n * B]`: node `u` of level `l` is the run of `B / 2^l` slots from `u B / 2^l` on, for every level
 * of one order (levels.md section 2). Entries >= N are padding and stay at the end of their block.
 *
 * @param key `[N, d]`
 * @param value `[N, d]`
 */
export function nestedOrder(
  key: Float64Array,
  value: Float64Array,
  shape: HeadShape,
  options: NestedOrderOptions,
): Int32Array {
  return splitBlocks(key, value, shape, options, () => {});
}

/** How close the decisions of `nestedOrder` are, `[n]`: the smallest relative gap at a cut of the block. */
export function nestedMargins(
  key: Float64Array,
  value: Float64Array,
  shape: HeadShape,
  options: NestedOrderOptions,
): Float64Array {
  const margins = new Float64Array(blockCount(shape)).fill(Number.POSITIVE_INFINITY);
  splitBlocks(key, value, shape, options, (block, gap) => {
    margins[block] = Math.min(margins[block], gap);
  });
  return margins;
}

function splitBlocks(
  key: Float64Array,
  value: Float64Array,
  shape: HeadShape,
  { depth, gamma, steps }: NestedOrderOptions,
  onCut: (block: number, gap: number) => void,
): Int32Array {
  const { blockSize, visualTokens, headDim } = shape;
  const order = Int32Array.from({ length: blockCount(shape) * blockSize }, (_, slot) => slot);
  const rows = splitRows(key, value, shape, gamma);
  const source = { rows, width: 2 * headDim, valid: visualTokens, steps };
  for (let start = 0; start < order.length; start += blockSize)
    bisect(source, order.subarray(start, start + blockSize), depth, (gap) => onCut(start / blockSize, gap));
  return order;
}
