import type { Compute } from "./operation.js";
import { offsets, strides } from "./strides.js";

/** Axis `i` of the result is axis `perm[i]` of `x`. */
export const transpose: Compute<"transpose"> = ({ attrs: { perm }, in: { x }, out }) => {
  const { values } = x;
  const own = strides(x.shape);
  const along = perm.map((axis) => own[axis]);
  return { y: offsets(out.y.shape, along).map((at) => values[at]) };
};
