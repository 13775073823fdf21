import { type Expansion, spread } from "./parts.js";

/** Takes off one thing at a time, from the outside: activation, modulation, weight and bias. */
export const expandNorm: Expansion<"norm"> = ({ g, attrs, in: inputs }) => {
  const { x, weight, bias, shift, scale, index } = inputs;
  const { kind, eps, groups, activation, dtype } = attrs;
  const plain = { kind, eps, dtype: "f32", ...(groups === undefined ? {} : { groups }) } as const;
  const affine = { ...(weight && { weight }), ...(bias && { bias }) };
  if (activation !== "none") {
    const modulation = { ...(shift && { shift }), ...(scale && { scale }), ...(index && { index }) };
    return { y: g.unary(activation, g.norm(x, { ...plain, ...affine, ...modulation }), { dtype }) };
  }
  if (shift || scale) {
    let y = g.norm(x, { ...plain, ...affine });
    const [by, plus] = [scale, shift].map((each) => each && spread(g, each, index, y));
    if ((scale && !by) || (shift && !plus)) return undefined;
    // n + n * scale: 1 + scale would be a value of one row inside regions of rows.
    if (by) y = g.binary("add", y, g.binary("multiply", y, by, "f32"), plus ? "f32" : dtype);
    return { y: plus ? g.binary("add", y, plus, dtype) : y };
  }
  if (!weight && !bias) return undefined;
  let y = g.norm(x, plain);
  if (weight) y = g.binary("multiply", y, weight, bias ? "f32" : dtype);
  return { y: bias ? g.binary("add", y, bias, dtype) : y };
};
