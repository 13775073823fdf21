import type { Compute } from "./operation.js";
import { offsets, strides } from "./strides.js";

/** Every place of axis `i` `times[i]` times in a row. */
export const repeat: Compute<"repeat"> = ({ attrs: { times }, in: { x } }) => {
  const { values } = x;
  const own = strides(x.shape);
  // An axis of the result is two: the place, and which of its copies.
  const shape = x.shape.flatMap((size, axis) => [size, times[axis]]);
  const along = own.flatMap((stride) => [stride, 0]);
  return { y: offsets(shape, along).map((at) => values[at]) };
};
