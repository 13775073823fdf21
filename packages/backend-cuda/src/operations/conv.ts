import { type ConvAttrs, kernelOf } from "@spaattn/nn";
import {
  bytesOf,
  type Call,
  type CudaOperation,
  ceilDivide,
  countOf,
  is16,
  isAligned,
  kindOf,
  must,
  notFloat,
  type Operand,
  type Shapes,
} from "../network/call.js";
import { Params } from "../params.js";
import { writeEpilogue } from "./epilogue.js";
import { GENERAL_SHARED_BYTES, generalGrid } from "./matrix.js";
import { channelsLast } from "./weights.js";

/** Matrix units need one 16-bit type for what is convolved. */
const onUnits = ({ in: { x, history } }: Pick<Shapes<"conv">, "in">) =>
  x !== undefined && is16(x.dtype) && (!history || history.dtype === x.dtype);

/** ConvShape of conv.cuh. */
function shapeParams(call: Call<"conv">): Params {
  const x = must(call.in, "x");
  const weight = must(call.in, "weight");
  const { history } = call.in;
  const { stride, front, padding, mode } = call.attrs as ConvAttrs;
  const [, t, h, w, ci] = x.shape;
  const [, ot, oh, ow, co] = call.out.y.shape;
  const kernel = kernelOf(weight);
  return new Params()
    .pointers(x.pointer, history?.pointer)
    .longs(countOf(call.out.y) / co)
    .ints(ci, t, h, w, history?.shape[1] ?? 0, front, ...kernel, ...stride, padding.top, padding.left)
    .ints(mode === "replicate", ot, oh, ow, countOf(weight) / co)
    .align();
}

const epilogueOf = (call: Call<"conv">) => ({
  y: call.out.y,
  batch: 1,
  bias: call.in.bias,
  residual: call.in.residual,
});

function matrix(call: Call<"conv">): void {
  const x = must(call.in, "x");
  const weight = must(call.in, "weight");
  const co = weight.shape[0];
  const depth = countOf(weight) / co;
  const w: Operand = { dtype: x.dtype, shape: [co, depth], pointer: call.scratch };
  channelsLast(call, weight, w);
  const eights = x.shape[4] % 8 === 0 && isAligned(x) && (!call.in.history || isAligned(call.in.history));
  const params = shapeParams(call).pointers(w.pointer, undefined);
  const grid = generalGrid(params, countOf(call.out.y) / co, co, false);
  call.launch({
    module: "gemm-sm80",
    kernel: `conv80_${x.dtype}${eights ? "" : "_any"}`,
    grid,
    threads: 256,
    sharedBytes: GENERAL_SHARED_BYTES,
    parameters: [writeEpilogue(params, epilogueOf(call)).bytes()],
  });
}

function simple(call: Call<"conv">): void {
  const x = must(call.in, "x");
  const weight = must(call.in, "weight");
  const co = weight.shape[0];
  const params = shapeParams(call)
    .pointers(weight.pointer, undefined)
    .ints(kindOf(x.dtype), kindOf((call.in.history ?? x).dtype), kindOf(weight.dtype), 0);
  call.launch({
    module: "gemm-simple",
    kernel: "conv_simple",
    grid: [ceilDivide(countOf(call.out.y) / co, 64), ceilDivide(co, 64)],
    threads: 256,
    parameters: [writeEpilogue(params, epilogueOf(call)).bytes()],
  });
}

export const conv: CudaOperation<"conv"> = {
  unsupported: ({ in: inputs }) => notFloat(inputs, "x", "history", "bias", "residual"),
  scratch: (shapes) => (onUnits(shapes) ? countOf(must(shapes.in, "weight")) * bytesOf(must(shapes.in, "x").dtype) : 0),
  record(call) {
    if (countOf(call.out.y) === 0) return;
    if (onUnits(call)) matrix(call);
    else simple(call);
  },
  describe: (shapes) =>
    onUnits(shapes)
      ? { kernel: "conv80", reason: "patches as rows of a matrix product that are never written, mma.sync" }
      : { kernel: "conv_simple", reason: "float32 products" },
};
