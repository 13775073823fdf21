import { alongAxis } from "./along-axis.js";
import type { Compute } from "./operation.js";

/** Zeros or copies of the edge on both ends of an axis. */
export const pad: Compute<"pad"> = ({ attrs: { axis, before, mode }, in: { x }, out }) => {
  const size = x.shape[axis];
  const place = (i: number) => {
    if (i >= 0 && i < size) return i;
    return mode === "zero" ? -1 : Math.min(Math.max(i, 0), size - 1);
  };
  return alongAxis(
    x,
    axis,
    Array.from({ length: out.y.shape[axis] }, (_, i) => place(i - before)),
  );
};
