import type { ConcatAttrs, PadAttrs, RepeatAttrs, SliceAttrs, TransposeAttrs } from "@spaattn/nn";
import {
  bytesOf,
  type Call,
  type CudaOperation,
  ceilDivide,
  countOf,
  gridOf,
  must,
  type Operand,
} from "../network/call.js";
import { Params } from "../params.js";
import { type Axis, collapse, copyAxes, isEmpty, stridesOf } from "./strides.js";
import { unitOf } from "./units.js";

const MOST_SLABS = 65_535;
const describe = () => ({ kernel: "strided_copy", reason: "a copy between strides in the widest units that fit" });

/** `[slabs, rows, columns]` where the axes only swap the last two of three. */
function swapOf(axes: readonly Axis[]): [number, number, number] | undefined {
  if (axes.length > 3 || axes.length < 2) return undefined;
  const [slab, a, b] = axes.length === 3 ? axes : [{ size: 1, strides: [axes[0].size * axes[1].size, 0] }, ...axes];
  const swaps = a.strides[0] === 1 && b.strides[0] === a.size && slab.strides[0] === a.size * b.size;
  return swaps ? [slab.size, b.size, a.size] : undefined;
}

function swapAxes(
  call: Call<"transpose">,
  x: Operand,
  y: Operand,
  [slabs, rows, columns]: [number, number, number],
): void {
  const parameters = new Params().pointers(x.pointer, y.pointer).longs(rows, columns).bytes();
  const kernel = `swap_axes_${bytesOf(x.dtype)}`;
  const grid = [ceilDivide(columns, 32), ceilDivide(rows, 32), slabs] as const;
  call.launch({ module: "reshape", kernel, grid, threads: 256, parameters: [parameters] });
}

export const transpose: CudaOperation<"transpose"> = {
  record(call) {
    const x = must(call.in, "x");
    const { y } = call.out;
    if (isEmpty(y)) return;
    const strides = stridesOf(x.shape);
    const from = (call.attrs as TransposeAttrs).perm.map((axis) => strides[axis]);
    const axes = collapse(y.shape, [from, stridesOf(y.shape)]);
    const swap = swapOf(axes);
    if (swap && swap[0] <= MOST_SLABS && ceilDivide(swap[1], 32) <= MOST_SLABS) swapAxes(call, x, y, swap);
    else copyAxes(call, x, y, axes);
  },
  describe,
};

export const concat: CudaOperation<"concat"> = {
  record(call) {
    const { axis, count } = call.attrs as ConcatAttrs;
    const { y } = call.out;
    const to = stridesOf(y.shape);
    let at = 0;
    for (let i = 0; i < count; i++) {
      const part = must(call.in, `x${i}`);
      if (!isEmpty(part)) copyAxes(call, part, y, collapse(part.shape, [stridesOf(part.shape), to]), 0, at * to[axis]);
      at += part.shape[axis];
    }
  },
  describe,
};

export const slice: CudaOperation<"slice"> = {
  record(call) {
    const { axis, start } = call.attrs as SliceAttrs;
    const x = must(call.in, "x");
    const { y } = call.out;
    const from = stridesOf(x.shape);
    if (!isEmpty(y)) copyAxes(call, x, y, collapse(y.shape, [from, stridesOf(y.shape)]), start * from[axis]);
  },
  describe,
};

export const repeat: CudaOperation<"repeat"> = {
  unsupported: ({ in: inputs }) =>
    must(inputs, "x").shape.length > 6 ? `${must(inputs, "x").shape.length} axes (at most 6)` : undefined,
  record(call) {
    const { times } = call.attrs as RepeatAttrs;
    const x = must(call.in, "x");
    const { y } = call.out;
    if (isEmpty(y)) return;
    // Every axis is one of places and one of repetitions, along which the source stands still.
    const sizes = x.shape.flatMap((size, i) => [size, times[i]]);
    const from = stridesOf(x.shape).flatMap((stride) => [stride, 0]);
    copyAxes(call, x, y, collapse(sizes, [from, stridesOf(sizes)]));
  },
  describe,
};

export const pad: CudaOperation<"pad"> = {
  record(call) {
    const { axis, before, mode } = call.attrs as PadAttrs;
    const x = must(call.in, "x");
    const { y } = call.out;
    if (isEmpty(y)) return;
    const size = bytesOf(x.dtype);
    const inner = x.shape.slice(axis + 1).reduce((product, length) => product * length, size);
    const unit = Math.max(size, unitOf(inner, x, y));
    const parameters = new Params()
      .pointers(x.pointer, y.pointer)
      .longs((countOf(y) * size) / unit, inner / unit)
      .ints(x.shape[axis], y.shape[axis], before, mode === "replicate")
      .bytes();
    const grid = gridOf((countOf(y) * size) / unit);
    call.launch({ module: "reshape", kernel: `pad_${unit}`, grid, threads: 256, parameters: [parameters] });
  },
  describe: () => ({ kernel: "pad", reason: "one pass" }),
};
