import { elementCount } from "@spaattn/core";
import type { BinaryAttrs } from "@spaattn/nn";
import type { Operand } from "../operand.js";
import type { Compute } from "./operation.js";
import { offsets, strides } from "./strides.js";

const FUNCTIONS: Readonly<Record<BinaryAttrs["kind"], (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
  maximum: Math.max,
  minimum: Math.min,
};

/** a op b, sizes of 1 repeated. */
export const binary: Compute<"binary"> = ({ attrs, in: { a, b }, out }) => {
  const { shape } = out.y;
  const f = FUNCTIONS[attrs.kind];
  const [fromA, fromB] = [a, b].map((operand) => offsets(shape, spread(operand, shape)));
  return { y: Float64Array.from({ length: elementCount(shape) }, (_, i) => f(a.values[fromA[i]], b.values[fromB[i]])) };
};

/** Strides of an operand along the axes of the result: 0 where it is repeated. */
function spread({ shape }: Operand, result: readonly number[]): number[] {
  const own = strides(shape);
  return result.map((_, axis) => {
    const i = axis - result.length + shape.length;
    return i < 0 || shape[i] === 1 ? 0 : own[i];
  });
}
