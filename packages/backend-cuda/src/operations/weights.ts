import { elementCount } from "@spaattn/core";
import type { BlockFormat } from "@spaattn/nn";
import { type Call, countOf, gridOf, kindOf, type Operand } from "../network/call.js";
import { Params } from "../params.js";

// The numbers of weights.cu.
const FORMATS: readonly BlockFormat[] = ["q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q4_k", "q5_k", "q6_k"];

type Launching = Pick<Call<"linear">, "launch">;

function convert(call: Launching, kernel: string, w: Operand, y: Operand, format: number, ci = 0, taps = 0): Operand {
  const parameters = new Params()
    .pointers(w.pointer, y.pointer)
    .longs(countOf(y))
    .ints(format, kindOf(w.dtype), kindOf(y.dtype), ci, taps, 0)
    .bytes();
  call.launch({ module: "weights", kernel, grid: gridOf(countOf(y)), threads: 256, parameters: [parameters] });
  return y;
}

/** Weights `[n, k]` of any type as numbers of the type and at the place of `y`. */
export const plainWeights = (call: Launching, w: Operand, y: Operand, format: BlockFormat | undefined): Operand =>
  format ? convert(call, "dequantise", w, y, FORMATS.indexOf(format)) : convert(call, "convert_weights", w, y, 0);

/** Weights of a convolution `[co, ci, ...kernel]` as `[co, ...kernel, ci]`. */
export const channelsLast = (call: Launching, w: Operand, y: Operand): Operand =>
  convert(call, "channels_last", w, y, 0, w.shape[1], elementCount(w.shape.slice(2)));
