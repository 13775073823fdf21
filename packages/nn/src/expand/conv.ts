import { conv } from "../operations/conv.js";
import type { Expansion } from "./parts.js";

/** Takes off one thing at a time: residual, remembered frames, padding. */
export const expandConv: Expansion<"conv"> = ({ g, attrs, in: inputs }) => {
  const { x, weight, bias, history, residual } = inputs;
  const { front, padding, mode, dtype } = attrs;
  if (residual) {
    const { y } = g.record(conv, { ...attrs, dtype: "f32" }, { x, weight, bias, history });
    return { y: g.binary("add", y, residual, dtype) };
  }
  if (history) {
    const frames = g.concat([g.convert(history, x.dtype), x], 1);
    return g.record(conv, { ...attrs, front: front - history.shape[1] }, { x: frames, weight, bias });
  }
  const { top, bottom, left, right } = padding;
  if (front + top + bottom + left + right === 0) return undefined;
  let wide = x;
  const around = [
    [1, front, 0],
    [2, top, bottom],
    [3, left, right],
  ] as const;
  for (const [axis, before, after] of around) if (before + after > 0) wide = g.pad(wide, axis, before, after, mode);
  const none = { top: 0, bottom: 0, left: 0, right: 0 };
  return g.record(conv, { ...attrs, front: 0, padding: none }, { x: wide, weight, bias });
};
