import type { Grid } from "./grid.js";

export type Axis = "w" | "h" | "t";

/** The major, middle and minor axis of a curve, or `"auto"`: the longest axis becomes the major one. */
export type AxisOrder = readonly [major: Axis, middle: Axis, minor: Axis] | "auto";

const AXES = ["w", "h", "t"] as const;

/**
 * The three axes of an order (docs/method.md#curve). `"auto"` takes the longest axis first, ties and the other two
 * in the order w, h, t.
 *
 * @throws RangeError when the order is no permutation of w, h and t.
 */
export function resolveAxisOrder(order: AxisOrder, [t, h, w]: Grid): readonly [Axis, Axis, Axis] {
  if (order === "auto") {
    const size = { t, h, w };
    const longest = AXES.reduce((best, axis) => (size[axis] > size[best] ? axis : best));
    return [longest, ...AXES.filter((axis) => axis !== longest)] as [Axis, Axis, Axis];
  }
  if (!Array.isArray(order) || [...order].sort().join() !== "h,t,w")
    throw new RangeError(`axisOrder must be a permutation of "w", "h", "t" or "auto", got ${JSON.stringify(order)}`);
  return order as readonly [Axis, Axis, Axis];
}
