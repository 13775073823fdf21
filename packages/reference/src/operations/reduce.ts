import { elementCount } from "@spaattn/core";
import type { Compute } from "./operation.js";

/** Mean of |a| or |a − b| over everything, or mean over the last axis. */
export const reduce: Compute<"reduce"> = ({ attrs, in: { a, b }, out }) => {
  const y = new Float64Array(elementCount(out.y.shape));
  const size = a.values.length / y.length;
  const element = (i: number) => (attrs.kind === "mean" ? a.values[i] : Math.abs(a.values[i] - (b ? b.values[i] : 0)));
  for (let row = 0; row < y.length; row++) {
    for (let i = row * size; i < (row + 1) * size; i++) y[row] += element(i);
    y[row] /= size;
  }
  return { y };
};
