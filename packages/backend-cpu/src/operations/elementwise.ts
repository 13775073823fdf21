import { elementCount } from "@spaattn/core";
import { ACTIVATIONS, BINARY } from "@spaattn/nn";
import * as K from "../network/kernels.js";
import { CHUNK, ceil, float } from "../network/lowering.js";
import type { OperationKernel } from "./kernel.js";
import { stridesOf } from "./move.js";

interface BinaryAxis {
  readonly size: number;
  readonly a: number;
  readonly b: number;
}

/** The axes of a broadcast, outermost first, merged where both operands walk them as one; one axis at least. */
function binaryAxes(shape: readonly number[], a: readonly number[], b: readonly number[]): BinaryAxis[] {
  const strides = (of: readonly number[]) => {
    const own = stridesOf(of);
    return (axis: number) => {
      const i = axis - shape.length + of.length;
      return i < 0 || of[i] === 1 ? 0 : own[i];
    };
  };
  const [strideA, strideB] = [strides(a), strides(b)];
  const axes: BinaryAxis[] = [];
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const next = { size, a: strideA(axis), b: strideB(axis) };
    const last = axes[axes.length - 1];
    if (last && last.a === next.a * size && last.b === next.b * size)
      axes[axes.length - 1] = { ...next, size: last.size * size };
    else axes.push(next);
  });
  return axes.length > 0 ? axes : [{ size: 1, a: 1, b: 1 }];
}

export const binary: OperationKernel<"binary"> = {
  kernel: "rows of the innermost common axis",
  lower(l) {
    const { shape } = l.get("y");
    const axes = binaryAxes(shape, l.get("a").shape, l.get("b").shape);
    let inner = axes.pop() as BinaryAxis;
    let last = inner.size;
    if (axes.length === 0 && inner.size > CHUNK) {
      const rows = ceil(inner.size, CHUNK);
      last = inner.size - (rows - 1) * CHUNK;
      axes.push({ size: rows, a: inner.a * CHUNK, b: inner.b * CHUNK });
      inner = { ...inner, size: CHUNK };
    }
    const rows = axes.reduce((product, { size }) => product * size, 1);
    const chunk = Math.max(1, Math.floor(CHUNK / inner.size));
    const table = l.record(axes.flatMap(({ size, a, b }) => [size, a, b]));
    const words = [
      ...[l.f32("a"), l.f32("b"), l.result("y"), BINARY.indexOf(l.attrs.kind), inner.size, last],
      ...[inner.a, inner.b, rows, chunk, axes.length, table],
    ];
    l.phase(K.K_BINARY, words, ceil(rows, chunk));
  },
};

const UNARY = [...ACTIVATIONS, "affine", "clamp", "exp", "abs", "sqrt"];

export const unary: OperationKernel<"unary"> = {
  kernel: "one pass",
  lower(l) {
    const { kind, a = 0, b = 0 } = l.attrs;
    const x = l.get("x");
    const count = elementCount(x.shape);
    if (kind === "none") {
      const y = l.get("y");
      l.convert(x.at, x.dtype, y.at, y.dtype, count);
      return;
    }
    const words = [l.f32("x"), l.result("y"), count, CHUNK, UNARY.indexOf(kind), float(a), float(b)];
    l.phase(K.K_UNARY, words, ceil(count, CHUNK));
  },
};

export const combine: OperationKernel<"combine"> = {
  kernel: "one pass over all terms",
  lower(l) {
    const { count: terms } = l.attrs;
    const count = elementCount(l.get("y").shape);
    const table = l.record(Array.from({ length: terms }, (_, i) => l.f32(`x${i}`)));
    const words = [l.result("y"), l.raw("coefficients"), terms, count, CHUNK, table];
    l.phase(K.K_COMBINE, words, ceil(count, CHUNK));
  },
};

export const reduce: OperationKernel<"reduce"> = {
  kernel: "sums in f64",
  lower(l) {
    const { shape } = l.get("a");
    if (l.attrs.kind === "mean") {
      const width = shape[shape.length - 1];
      const rows = elementCount(shape) / width;
      const chunk = Math.max(1, ceil(CHUNK, width));
      l.phase(K.K_MEAN, [l.f32("a"), l.result("y"), rows, width, chunk], ceil(rows, chunk));
      return;
    }
    const count = elementCount(shape);
    const units = ceil(count, CHUNK);
    const words = [l.f32("a"), l.f32("b"), count, CHUNK, l.scratch(8 * units), units, l.raw("y")];
    l.phase(K.K_SUM_ABSOLUTE, words, units);
    l.phase(K.K_MEAN_FINISH, words, 1);
  },
};
