import { elementCount } from "@spaattn/core";
import type { Operand } from "../operand.js";

/** Places of an axis of the result taken from places of the same axis of `x`; -1 stands for zeros. */
export function alongAxis(x: Operand, axis: number, places: readonly number[]): { y: Float64Array } {
  const inner = elementCount(x.shape.slice(axis + 1));
  const outer = elementCount(x.shape.slice(0, axis));
  const y = new Float64Array(outer * places.length * inner);
  for (let i = 0; i < outer; i++)
    places.forEach((place, j) => {
      if (place < 0) return;
      const from = (i * x.shape[axis] + place) * inner;
      y.set(x.values.subarray(from, from + inner), (i * places.length + j) * inner);
    });
  return { y };
}
