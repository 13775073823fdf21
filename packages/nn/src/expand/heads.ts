import { HostTensor, type Value } from "@spaattn/core";
import type { Builder } from "../builder.js";
import type { HeadNorm } from "../operations/heads.js";
import { type Expansion, gather } from "./parts.js";

/** Norm, rotation, order and transposition one after the other, in f32 in between. */
export const expandHeads: Expansion<"heads"> = ({ g, attrs, in: inputs }) => {
  const { x, weight, bias, cos, sin, order, text, textWeight, textBias } = inputs;
  const { heads, norm, rotary, dtype } = attrs;
  let rows = norm ? normed(g, x, heads, norm, weight, bias) : g.convert(x, "f32");
  if (rotary) rows = rotated(g, rows, heads, rotary, cos, sin);
  if (order) rows = gather(g, rows, order);
  if (text) {
    const behind = norm ? normed(g, text, heads, norm, textWeight, textBias) : g.convert(text, "f32");
    rows = g.concat([rows, behind], 1);
  }
  const [batch, tokens, width] = rows.shape;
  const split = g.reshape(g.convert(rows, dtype), [batch, tokens, heads, width / heads]);
  return { y: g.transpose(split, [0, 2, 1, 3]) };
};

function normed(g: Builder, x: Value, heads: number, norm: HeadNorm, weight?: Value, bias?: Value): Value {
  const [batch, tokens, width] = x.shape;
  const how = {
    kind: norm.kind,
    eps: norm.eps,
    dtype: "f32",
    ...(weight && { weight }),
    ...(bias && { bias }),
  } as const;
  if (norm.across) return g.norm(x, how);
  return g.reshape(g.norm(g.reshape(x, [batch, tokens, heads, width / heads]), how), [batch, tokens, width]);
}

/** Turns the pairs of the first tokens; the others stay as they are. */
function rotated(g: Builder, x: Value, heads: number, kind: "interleaved" | "half", cos: Value, sin: Value): Value {
  const [batch, tokens, width] = x.shape;
  const [turned, half] = cos.shape;
  const interleaved = kind === "interleaved";
  const pairs = g.reshape(turned < tokens ? g.slice(x, 1, 0, turned) : x, [
    batch,
    turned,
    heads,
    ...(interleaved ? [half, 2] : [2, half]),
  ]);
  const axis = interleaved ? 4 : 3;
  const [first, second] = [0, 1].map((i) => g.slice(pairs, axis, i, 1));
  const [c, s] = [cos, sin].map((table) => g.reshape(table, [1, turned, 1, ...(interleaved ? [half, 1] : [1, half])]));
  const a = g.binary("subtract", g.multiply(first, c), g.multiply(second, s));
  const b = g.binary("add", g.multiply(second, c), g.multiply(first, s));
  const y = g.reshape(g.concat([a, b], axis), [batch, turned, width]);
  return turned < tokens ? g.concat([y, g.slice(x, 1, turned, tokens - turned)], 1) : y;
}

/** Transposition, then rows back where they were; undefined where the order is not known beforehand. */
export const expandMerge: Expansion<"merge"> = ({ g, attrs, in: { x, order }, constant }) => {
  const [batch, heads, all, d] = x.shape;
  const tokens = all - attrs.textTokens;
  const known = order && constant("order");
  if (order && !known) return undefined;
  const rows = g.reshape(g.transpose(x, [0, 2, 1, 3]), [batch, all, heads * d]);
  const part = (start: number, length: number) => (length === all ? rows : g.slice(rows, 1, start, length));
  let y = part(0, tokens);
  if (known) {
    const inverse = new Int32Array(tokens);
    for (let i = 0; i < tokens; i++) inverse[known[i]] = i;
    y = gather(g, y, g.constant(new HostTensor("i32", [tokens], inverse)));
  }
  return { y, ...(attrs.textTokens > 0 ? { text: part(tokens, attrs.textTokens) } : {}) };
};
