import { alongAxis } from "./along-axis.js";
import type { Compute } from "./operation.js";

/** `length` places of an axis from `start`. */
export const slice: Compute<"slice"> = ({ attrs: { axis, start, length }, in: { x } }) =>
  alongAxis(
    x,
    axis,
    Array.from({ length }, (_, i) => start + i),
  );
