import type { Strata } from "@spaattn/attention";
import { blockCount, dot, type HeadShape } from "@spaattn/mask";
import { localDirection, sharedDirections } from "./directions.js";

export interface StrataOptions {
  readonly strata: Strata;
  /** c, a power of two that divides B; at most 4 with "eigen" */
  readonly strataPerBlock: number;
  /** Power iterations. */
  readonly steps: number;
}

/** Chooses the direction to split along; `level` counts from 0. */
type Direction = (tokens: Int32Array, level: number) => Float64Array;

/**
 * Slot to token index, `[n * B]`: every block's tokens ordered so that each of its `c` runs of `B / c` slots is compact
 * (docs/tail.md#strata). Entries >= N are padding and stay at the end of their block.
 *
 * @param query `[N, d]`, read with "eigen" only
 * @param key `[N, d]`
 */
export function strataOrder(
  query: Float64Array,
  key: Float64Array,
  shape: HeadShape,
  options: StrataOptions,
): Int32Array {
  return splitBlocks(query, key, shape, options, () => {});
}

/**
 * How close the decisions of `strataOrder` are, `[n]`: the smallest gap at a cut of the block, relative to the extent of
 * what is cut; infinite where nothing is cut, 0 where a tie is resolved by token order.
 */
export function strataMargins(
  query: Float64Array,
  key: Float64Array,
  shape: HeadShape,
  options: StrataOptions,
): Float64Array {
  const margins = new Float64Array(blockCount(shape)).fill(Number.POSITIVE_INFINITY);
  splitBlocks(query, key, shape, options, (block, gap) => {
    margins[block] = Math.min(margins[block], gap);
  });
  return margins;
}

/** Told of every cut: the block, and the relative gap between the tokens on either side. */
type OnCut = (block: number, gap: number) => void;

function splitBlocks(
  query: Float64Array,
  key: Float64Array,
  shape: HeadShape,
  options: StrataOptions,
  onCut: OnCut,
): Int32Array {
  const { blockSize, visualTokens, headDim } = shape;
  const order = Int32Array.from({ length: blockCount(shape) * blockSize }, (_, slot) => slot);
  if (options.strata === "contiguous" || options.strataPerBlock === 1) return order;
  const shared = options.strata === "eigen" ? sharedDirections(query, key, shape, options.steps) : undefined;
  const direction: Direction = shared
    ? (_, level) => shared[level]
    : (tokens) => localDirection(centred(key, tokens, visualTokens, headDim), headDim, options.steps);
  const levels = Math.log2(options.strataPerBlock);
  for (let start = 0; start < order.length; start += blockSize)
    split(order.subarray(start, start + blockSize), key, shape, direction, 0, levels, (gap) =>
      onCut(start / blockSize, gap),
    );
  return order;
}

/** Splits `slots` (ascending token indices) in two along a direction, in place, and its halves again. */
function split(
  slots: Int32Array,
  key: Float64Array,
  shape: HeadShape,
  direction: Direction,
  level: number,
  levels: number,
  onCut: (gap: number) => void,
): void {
  if (level === levels) return;
  const { visualTokens, headDim } = shape;
  const w = direction(slots, level);
  const position = new Map<number, number>();
  for (const token of slots)
    position.set(token, token < visualTokens ? dot(key, token, w, 0, headDim) : Number.POSITIVE_INFINITY);
  const at = (token: number) => position.get(token)!;
  // Infinity - Infinity is NaN: compare instead of subtracting, so that padding keeps its order.
  slots.sort((a, b) => (at(a) < at(b) ? -1 : at(a) > at(b) ? 1 : a - b));
  const half = slots.length / 2;
  const valid = slots.findLast((token) => token < visualTokens);
  // A cut between valid tokens can fall elsewhere; one against padding cannot.
  if (valid !== undefined && slots[half] < visualTokens)
    onCut((at(slots[half]) - at(slots[half - 1])) / (at(valid) - at(slots[0]) || 1));
  for (const child of [slots.subarray(0, half), slots.subarray(half)]) {
    child.sort();
    split(child, key, shape, direction, level + 1, levels, onCut);
  }
}

/** The valid rows among `tokens`, minus their mean. */
function centred(key: Float64Array, tokens: Int32Array, visualTokens: number, d: number): Float64Array {
  const valid = tokens.filter((token) => token < visualTokens);
  const mean = new Float64Array(d);
  for (const token of valid) for (let ch = 0; ch < d; ch++) mean[ch] += key[token * d + ch] / valid.length;
  const rows = new Float64Array(valid.length * d);
  valid.forEach((token, r) => {
    for (let ch = 0; ch < d; ch++) rows[r * d + ch] = key[token * d + ch] - mean[ch];
  });
  return rows;
}
