import type { LinearWeights } from "../builder.js";
import { type Expansion, spread } from "./parts.js";

/** Takes off one thing at a time, from the outside: residual, gate, the other half of a pair, activation, scale. */
export const expandLinear: Expansion<"linear"> = ({ g, attrs, in: inputs }) => {
  const { x, weight, bias, scale, weight2, bias2, scale2, gate, index, residual } = inputs;
  const { activation, dtype, format } = attrs;
  const formatted = format ? { format } : {};
  const first = { weight, ...formatted, ...(bias && { bias }), ...(scale && { scale }) } as LinearWeights;
  const second = { weight: weight2, ...formatted, ...(bias2 && { bias: bias2 }), ...(scale2 && { scale: scale2 }) };
  const times = weight2 && { times: second as LinearWeights };
  const f32 = { dtype: "f32" } as const;
  if (residual) {
    const gated = gate && { gate, ...(index && { index }) };
    return { y: g.binary("add", residual, g.linear(x, first, { activation, ...times, ...gated, ...f32 }), dtype) };
  }
  if (gate) {
    const y = g.linear(x, first, { activation, ...times, ...f32 });
    const factor = spread(g, gate, index, y);
    return factor && { y: g.binary("multiply", y, factor, dtype) };
  }
  if (weight2) {
    const halves = [g.linear(x, first, { activation, ...f32 }), g.linear(x, second as LinearWeights, f32)];
    return { y: g.binary("multiply", halves[0], halves[1], dtype) };
  }
  if (activation !== "none") return { y: g.unary(activation, g.linear(x, first, f32), { dtype }) };
  if (!scale) return undefined;
  const product = g.linear(x, { weight, ...formatted }, f32);
  if (!bias) return { y: g.binary("multiply", product, scale, dtype) };
  return { y: g.binary("add", g.binary("multiply", product, scale, "f32"), bias, dtype) };
};
