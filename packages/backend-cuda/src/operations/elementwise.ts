import { ACTIVATIONS, BINARY, type BinaryAttrs, type UnaryAttrs } from "@spaattn/nn";
import {
  type Call,
  type CudaOperation,
  computes,
  countOf,
  gridOf,
  inEights,
  isAligned,
  kindOf,
  must,
  notFloat,
  type Operand,
} from "../network/call.js";
import { Params } from "../params.js";
import { type Axis, collapse, copyAxes, pad, stridesOf } from "./strides.js";

const AXES = 8;
const UNARY = [...ACTIVATIONS, "affine", "clamp", "exp", "abs", "sqrt"] as const;

/** Strides of an operand along the axes of the result, 0 where it is broadcast. */
function broadcastStrides(shape: readonly number[], to: readonly number[]): number[] {
  const strides = stridesOf(shape);
  return to.map((_, i) => {
    const own = i - to.length + shape.length;
    return own < 0 || shape[own] === 1 ? 0 : strides[own];
  });
}

/** Whether pieces of eight along the last axis are eight neighbours, or one value for all, in this operand. */
const movesInEights = (operand: Operand, axes: readonly Axis[], side: 0 | 1) => {
  const inner = axes[axes.length - 1].strides[side];
  if (inner === 0) return true;
  return (
    inner === 1 &&
    computes(operand.dtype) &&
    isAligned(operand) &&
    axes.slice(0, -1).every(({ strides }) => strides[side] % 8 === 0)
  );
};

export const binary: CudaOperation<"binary"> = {
  unsupported({ out }) {
    if (out.y.shape.length > AXES) return `${out.y.shape.length} axes (at most ${AXES})`;
    return notFloat(out, "y");
  },
  record(call) {
    const [a, b] = [must(call.in, "a"), must(call.in, "b")];
    const { y } = call.out;
    if (countOf(y) === 0) return;
    const axes = collapse(y.shape, [broadcastStrides(a.shape, y.shape), broadcastStrides(b.shape, y.shape)]);
    const last = axes[axes.length - 1];
    const eights = inEights(last.size, y) && movesInEights(a, axes, 0) && movesInEights(b, axes, 1);
    const wide = last.strides.map((stride) => stride === 1);
    if (eights) axes[axes.length - 1] = { size: last.size / 8, strides: last.strides.map((stride) => stride * 8) };
    const count = countOf(y) / (eights ? 8 : 1);
    const parameters = new Params()
      .pointers(a.pointer, b.pointer, y.pointer)
      .longs(count)
      .ints(axes.length, BINARY.indexOf((call.attrs as BinaryAttrs).kind))
      .ints(
        kindOf(a.dtype),
        kindOf(b.dtype),
        kindOf(y.dtype),
        ...pad(
          axes.map(({ size }) => size),
          AXES,
        ),
      )
      .longs(
        ...pad(
          axes.map(({ strides }) => strides[0]),
          AXES,
        ),
        ...pad(
          axes.map(({ strides }) => strides[1]),
          AXES,
        ),
      )
      .ints(...wide)
      .bytes();
    const kernel = eights ? "binary_eight" : "binary_one";
    call.launch({ module: "pointwise", kernel, grid: gridOf(count), threads: 256, parameters: [parameters] });
  },
  describe: () => ({ kernel: "binary", reason: "one pass, eight values at a time where addresses allow it" }),
};

export const unary: CudaOperation<"unary"> = {
  unsupported: ({ attrs, in: inputs, out }) =>
    (attrs as UnaryAttrs).kind === "none" && must(inputs, "x").dtype === out.y.dtype ? undefined : notFloat(out, "y"),
  record(call) {
    const { kind, a = 0, b = 0 } = call.attrs as UnaryAttrs;
    const x = must(call.in, "x");
    const { y } = call.out;
    if (countOf(y) === 0) return;
    if (kind === "none" && x.dtype === y.dtype) return copyAxes(call, x, y, [{ size: countOf(y), strides: [1, 1] }]);
    const eights = inEights(countOf(y), x, y);
    const count = countOf(y) / (eights ? 8 : 1);
    const parameters = new Params()
      .pointers(x.pointer, y.pointer)
      .longs(count)
      .ints(UNARY.indexOf(kind), kindOf(x.dtype), kindOf(y.dtype))
      .floats(a, b)
      .bytes();
    const kernel = eights ? "unary_eight" : "unary_one";
    call.launch({ module: "pointwise", kernel, grid: gridOf(count), threads: 256, parameters: [parameters] });
  },
  describe: () => ({ kernel: "unary", reason: "one pass" }),
};

export const combine: CudaOperation<"combine"> = {
  unsupported: ({ in: inputs, out }) =>
    notFloat(inputs, ...Object.keys(inputs).filter((role) => role !== "coefficients")) ?? notFloat(out, "y"),
  record(call: Call<"combine">) {
    const { y } = call.out;
    const terms = Object.keys(call.in)
      .filter((role) => role !== "coefficients")
      .map((_, i) => must(call.in, `x${i}`));
    if (countOf(y) === 0) return;
    const eights = inEights(countOf(y), y, ...terms);
    const count = countOf(y) / (eights ? 8 : 1);
    const eight = <T>(values: readonly T[]) => Array.from({ length: 8 }, (_, i) => values[i]);
    const parameters = new Params()
      .pointers(...eight(terms).map((term) => term?.pointer))
      .pointers(must(call.in, "coefficients").pointer, y.pointer)
      .longs(count)
      .ints(terms.length, kindOf(y.dtype), ...eight(terms).map((term) => (term ? kindOf(term.dtype) : 0)))
      .bytes();
    const kernel = eights ? "weighted_sum_eight" : "weighted_sum_one";
    call.launch({ module: "pointwise", kernel, grid: gridOf(count), threads: 256, parameters: [parameters] });
  },
  describe: () => ({ kernel: "weighted_sum", reason: "one pass over all terms, coefficients read on the device" }),
};
