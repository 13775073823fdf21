import { elementCount } from "@spaattn/core";
import { activate } from "@spaattn/nn";
import { rowOf } from "./modulation.js";
import type { Compute } from "./operation.js";

/** Centre and factor of some numbers: `(x - centre) * factor` is normalised. */
export function standard(kind: "layer" | "rms" | "l2", x: Iterable<number>, eps: number) {
  let count = 0;
  let sum = 0;
  for (const value of x) {
    sum += value;
    count++;
  }
  const centre = kind === "layer" ? sum / count : 0;
  let squares = 0;
  for (const value of x) squares += (value - centre) ** 2;
  if (kind === "l2") return { centre, factor: Math.sqrt(count) / Math.max(Math.sqrt(squares), eps) };
  return { centre, factor: 1 / Math.sqrt(squares / count + eps) };
}

/** y = act(n(x) * weight + bias), modulated by (1 + scale) and shift before the activation */
export const norm: Compute<"norm"> = ({ attrs, in: inputs }) => {
  const { x, weight, bias, shift, scale, index } = inputs;
  const { shape, values } = x;
  const width = shape[shape.length - 1];
  const y = attrs.kind === "group" ? byGroup(values, shape, attrs.groups as number, attrs.eps) : values.slice();
  const shiftRow = shift && rowOf(shift, index, shape);
  const scaleRow = scale && rowOf(scale, index, shape);
  for (let at = 0; at < values.length / width; at++) {
    const row = y.subarray(at * width, (at + 1) * width);
    if (attrs.kind !== "group") {
      const { centre, factor } = standard(attrs.kind, row, attrs.eps);
      for (let i = 0; i < width; i++) row[i] = (row[i] - centre) * factor;
    }
    if (weight) for (let i = 0; i < width; i++) row[i] *= weight.values[i];
    if (bias) for (let i = 0; i < width; i++) row[i] += bias.values[i];
    if (scale && scaleRow) for (let i = 0, from = scaleRow(at); i < width; i++) row[i] *= 1 + scale.values[from + i];
    if (shift && shiftRow) for (let i = 0, from = shiftRow(at); i < width; i++) row[i] += shift.values[from + i];
    for (let i = 0; i < width; i++) row[i] = activate(attrs.activation, row[i]);
  }
  return { y };
};

/** Normalises over all positions of a batch item and the channels of a group. */
function byGroup(x: Float64Array, shape: readonly number[], groups: number, eps: number): Float64Array {
  const width = shape[shape.length - 1];
  const size = width / groups;
  const positions = elementCount(shape.slice(1, -1));
  const y = new Float64Array(x.length);
  for (let item = 0; item < shape[0]; item++)
    for (let group = 0; group < groups; group++) {
      const at = (i: number) => (item * positions + Math.floor(i / size)) * width + group * size + (i % size);
      const members = Float64Array.from({ length: positions * size }, (_, i) => x[at(i)]);
      const { centre, factor } = standard("layer", members, eps);
      members.forEach((value, i) => void (y[at(i)] = (value - centre) * factor));
    }
  return y;
}
