import type { ConvAttrs } from "@spaattn/nn";
import { kernelOf } from "@spaattn/nn";
import type { Operand } from "../operand.js";
import type { Compute } from "./operation.js";
import { products } from "./products.js";

/** Correlation over time, height and width, channels last. */
export const conv: Compute<"conv"> = async ({ attrs, in: inputs, out, pace }) => {
  const { x, weight, bias, residual, history } = inputs;
  const [kt, kh, kw] = kernelOf(weight);
  const [batch, frames, height, width, co] = out.y.shape;
  const ci = x.shape[4];
  const rows = rowsByTap(weight.values, co, ci, kt * kh * kw);
  const source = padded(attrs, x, history);
  const patch = new Float64Array(kt * kh * kw * ci);
  const y = new Float64Array(batch * frames * height * width * co);
  let at = 0;
  for (let item = 0; item < batch; item++)
    for (let t = 0; t < frames; t++)
      for (let h = 0; h < height; h++) {
        for (let w = 0; w < width; w++, at += co) {
          let tap = 0;
          for (let dt = 0; dt < kt; dt++)
            for (let dh = 0; dh < kh; dh++)
              for (let dw = 0; dw < kw; dw++, tap += ci) {
                const pixel = source(
                  item,
                  t * attrs.stride[0] + dt,
                  h * attrs.stride[1] + dh,
                  w * attrs.stride[2] + dw,
                );
                if (pixel) patch.set(pixel, tap);
                else patch.fill(0, tap, tap + ci);
              }
          const row = y.subarray(at, at + co);
          products(patch, rows, row);
          if (bias) for (let i = 0; i < co; i++) row[i] += bias.values[i];
          if (residual) for (let i = 0; i < co; i++) row[i] += residual.values[at + i];
        }
        const wait = pace(at / y.length);
        if (wait) await wait;
      }
  return { y };
};

/** `[co, ci, taps]` to `[co, taps, ci]`: the order in which pixels lie in memory. */
function rowsByTap(weight: Float64Array, co: number, ci: number, taps: number): Float64Array {
  const rows = new Float64Array(weight.length);
  for (let o = 0; o < co; o++)
    for (let c = 0; c < ci; c++)
      for (let tap = 0; tap < taps; tap++) rows[(o * taps + tap) * ci + c] = weight[(o * ci + c) * taps + tap];
  return rows;
}

/** Gives the channels at a place of the padded video; undefined stands for zeros. */
function padded({ front, padding, mode }: ConvAttrs, x: Operand, history: Operand | undefined) {
  const [, frames, height, width, ci] = x.shape;
  const past = history ? history.shape[1] : 0;
  const inside = (i: number, least: number, size: number) => {
    if (i >= least && i < size) return i;
    return mode === "replicate" ? Math.min(Math.max(i, least), size - 1) : undefined;
  };
  return (item: number, paddedFrame: number, row: number, column: number): Float64Array | undefined => {
    const t = inside(paddedFrame - front, -past, frames);
    const h = inside(row - padding.top, 0, height);
    const w = inside(column - padding.left, 0, width);
    if (t === undefined || h === undefined || w === undefined) return undefined;
    const [from, frame] = t < 0 ? [history as Operand, item * past + past + t] : [x, item * frames + t];
    const at = ((frame * height + h) * width + w) * ci;
    return from.values.subarray(at, at + ci);
  };
}
