import { elementCount } from "@spaattn/core";
import type { Compute } from "./operation.js";

/** Parts behind each other along an axis. */
export const concat: Compute<"concat"> = ({ attrs: { axis, count }, in: inputs, out }) => {
  const outer = elementCount(out.y.shape.slice(0, axis));
  const y = new Float64Array(elementCount(out.y.shape));
  let at = 0;
  for (let i = 0; i < outer; i++)
    for (let part = 0; part < count; part++) {
      const { values } = inputs[`x${part}`];
      const size = values.length / outer;
      y.set(values.subarray(i * size, (i + 1) * size), at);
      at += size;
    }
  return { y };
};
