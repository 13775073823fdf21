import { type Grid, tokenCount } from "./grid.js";

/** The row-major order itself: the curve of a model whose tokens are not reordered. */
export const rasterOrder = (grid: Grid): Int32Array => Int32Array.from({ length: tokenCount(grid) }, (_, i) => i);

/**
 * The inverse of an order: `inverse[order[i]] = i` (the `linear_to_curve` of docs/method.md#curve-tables).
 *
 * @throws RangeError when `order` is no permutation of `0 .. length - 1`.
 */
export function invertOrder(order: Int32Array): Int32Array {
  const inverse = new Int32Array(order.length).fill(-1);
  for (let i = 0; i < order.length; i++) {
    const target = order[i];
    if (!(target >= 0 && target < order.length) || inverse[target] !== -1)
      throw new RangeError(`order[${i}] is ${target}: an order lists each of 0 .. ${order.length - 1} once`);
    inverse[target] = i;
  }
  return inverse;
}
