import type { HeadNorm, HeadsAttrs } from "@spaattn/nn";
import type { Operand } from "../operand.js";
import { standard } from "./norm.js";
import type { Compute } from "./operation.js";

/** Token streams to heads: norm, rotary embedding, order; text behind. */
export const heads: Compute<"heads"> = ({ attrs, in: inputs, out }) => {
  const { x, weight, bias, cos, sin, order, text, textWeight, textBias } = inputs;
  const [batch, tokens, width] = x.shape;
  const [, , all, d] = out.y.shape;
  const y = new Float64Array(batch * width * all);
  const place = (row: Float64Array, item: number, at: number) => {
    for (let head = 0; head < attrs.heads; head++)
      y.set(row.subarray(head * d, (head + 1) * d), ((item * attrs.heads + head) * all + at) * d);
  };
  const rowOf = (of: Operand, at: number) => of.values.slice(at * width, (at + 1) * width);
  for (let item = 0; item < batch; item++) {
    for (let i = 0; i < tokens; i++) {
      const token = order ? order.raw[i] : i;
      const row = rowOf(x, item * tokens + token);
      if (attrs.norm) normalise(row, attrs.norm, d, weight, bias);
      if (attrs.rotary && token < cos.shape[0]) rotate(row, attrs.rotary, d, cos, sin, token);
      place(row, item, i);
    }
    for (let i = tokens; i < all; i++) {
      const row = rowOf(text, item * (all - tokens) + i - tokens);
      if (attrs.norm) normalise(row, attrs.norm, d, textWeight, textBias);
      place(row, item, i);
    }
  }
  return { y };
};

/** Over each head of `d` channels, or across the whole row. */
function normalise(row: Float64Array, by: HeadNorm, d: number, weight?: Operand, bias?: Operand): void {
  const size = by.across ? row.length : d;
  for (let from = 0; from < row.length; from += size) {
    const part = row.subarray(from, from + size);
    const { centre, factor } = standard(by.kind, part, by.eps);
    for (let i = 0; i < size; i++)
      part[i] = (part[i] - centre) * factor * (weight ? weight.values[i] : 1) + (bias ? bias.values[i] : 0);
  }
}

/** Turns the pairs of every head by the angles of a token. */
function rotate(
  row: Float64Array,
  kind: NonNullable<HeadsAttrs["rotary"]>,
  d: number,
  cos: Operand,
  sin: Operand,
  token: number,
): void {
  const half = d / 2;
  for (let from = 0; from < row.length; from += d)
    for (let i = 0; i < half; i++) {
      const [a, b] = kind === "interleaved" ? [from + 2 * i, from + 2 * i + 1] : [from + i, from + i + half];
      const [c, s] = [cos.values[token * half + i], sin.values[token * half + i]];
      const [first, second] = [row[a], row[b]];
      row[a] = first * c - second * s;
      row[b] = second * c + first * s;
    }
}
