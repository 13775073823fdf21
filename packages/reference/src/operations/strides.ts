import { elementCount } from "@spaattn/core";

/** Elements between neighbours along each axis of a row-major shape. */
export const strides = (shape: readonly number[]): number[] =>
  shape.map((_, axis) => elementCount(shape.slice(axis + 1)));

/** `Σ index[axis] * stride[axis] + start` of every index of a shape, in order. */
export function offsets(shape: readonly number[], along: readonly number[], start = 0): Float64Array {
  let found = Float64Array.of(start);
  shape.forEach((size, axis) => {
    const next = new Float64Array(found.length * size);
    found.forEach((offset, i) => {
      for (let j = 0; j < size; j++) next[i * size + j] = offset + j * along[axis];
    });
    found = next;
  });
  return found;
}
