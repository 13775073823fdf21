import { elementCount } from "@spaattn/core";
import { kernelOf } from "@spaattn/nn";
import type { Lowering } from "../network/lowering.js";
import type { OperationKernel } from "./kernel.js";
import { matmul } from "./matmul.js";
import { move } from "./move.js";

/** The weight as `[co, taps, ci]`: kept so where it is the same in every run, else brought into that order first. */
function tapsFirst(l: Lowering<"conv">, taps: number): number {
  if (taps === 1) return l.raw("weight");
  const { name, shape, at, dtype } = l.get("weight");
  const { role, view } = l.values[name];
  if ((role === "weight" || role === "constant") && !view) return l.find("weight", "taps")?.at ?? 0;
  const [co, ci] = shape;
  const bytes = dtype === "f32" ? 4 : dtype === "f64" ? 8 : ["f16", "bf16"].includes(dtype) ? 2 : 1;
  const to = l.scratch(bytes * elementCount(shape));
  move(l, at, to, bytes, [
    { size: co, in: ci * taps, out: ci * taps },
    { size: taps, in: 1, out: ci },
    { size: ci, in: taps, out: 1 },
  ]);
  return to;
}

export const conv: OperationKernel<"conv"> = {
  kernel: "implicit product through a table of addresses, tiles of 2 x 16",
  lower(l) {
    const { stride, front, padding, mode } = l.attrs;
    const [, frames, height, width, channels] = l.get("x").shape;
    const kernel = kernelOf(l.get("weight"));
    const taps = kernel[0] * kernel[1] * kernel[2];
    const { shape } = l.get("y");
    const x = l.f32("x");
    const history = l.f32("history");
    const past = history ? l.get("history").shape[1] : 0;
    const window = l.record([
      ...[x, history, past, front, frames, height, width, channels],
      ...shape.slice(1, 4),
      ...stride,
      ...kernel,
      ...[padding.top, padding.left, mode === "replicate" ? 1 : 0],
    ]);
    matmul(l, {
      x,
      window,
      m: elementCount(shape.slice(0, 4)),
      n: shape[4],
      taps,
      depth: channels,
      weight: tapsFirst(l, taps),
      weight2: 0,
      activation: "none",
      modulation: 0,
    });
  },
};
