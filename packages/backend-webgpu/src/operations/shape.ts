import { elementCount } from "@spaattn/core";
import type { ConcatAttrs, PadAttrs, RepeatAttrs, SliceAttrs, TransposeAttrs } from "@spaattn/nn";
import { concatKernel } from "../kernels/concat.js";
import { padKernel } from "../kernels/pad.js";
import { repeatKernel } from "../kernels/repeat.js";
import { sliceKernel } from "../kernels/slice.js";
import { transposeKernel } from "../kernels/transpose.js";
import type { OperationLowering } from "../network/operation-lowering.js";
import { axesValues, collapse, stridesOf } from "../wgsl/axes.js";
import { emitMove, unitOf } from "./move.js";

const inner = (shape: readonly number[], axis: number) => elementCount(shape.slice(axis + 1));

export function lowerTranspose(lowering: OperationLowering<TransposeAttrs>): void {
  const { perm } = lowering.attrs;
  const from = lowering.shape("x");
  const own = stridesOf(from);
  const axes = collapse({ sizes: lowering.shape("y"), strides: [perm.map((axis) => own[axis])] });
  const rank = axes.sizes.length;
  // What lies together in both is moved together.
  const together = axes.strides[0][rank - 1] === 1;
  const move = unitOf(lowering, ["x", "y"], [together ? axes.sizes[rank - 1] : 1]);
  const sizes = axes.sizes.map((size, i) => (i === rank - 1 ? move.units(size) : size));
  const strides = axes.strides[0].map((stride, i) => (together && i === rank - 1 ? 1 : move.units(stride)));
  const scaled = together ? { sizes, strides: [strides] } : axes;
  emitMove(lowering, transposeKernel(move.unit, rank), move, "x", "y", axesValues(scaled, ["x"]));
}

export function lowerSlice(lowering: OperationLowering<SliceAttrs>): void {
  const { axis, start, length } = lowering.attrs;
  const shape = lowering.shape("x");
  const place = inner(shape, axis);
  const lengths = [length * place, shape[axis] * place, start * place];
  const move = unitOf(lowering, ["x", "y"], lengths);
  const [units, row, begin] = lengths.map(move.units);
  emitMove(lowering, sliceKernel(move.unit), move, "x", "y", { length: units, row, start: begin });
}

export function lowerConcat(lowering: OperationLowering<ConcatAttrs>): void {
  const { axis, count } = lowering.attrs;
  const shape = lowering.shape("y");
  const place = inner(shape, axis);
  let start = 0;
  for (let i = 0; i < count; i++) {
    const length = lowering.shape(`x${i}`)[axis];
    const lengths = [length * place, shape[axis] * place, start * place];
    const move = unitOf(lowering, [`x${i}`, "y"], lengths);
    const [units, row, begin] = lengths.map(move.units);
    emitMove(lowering, concatKernel(move.unit), move, `x${i}`, "y", { length: units, row, start: begin });
    start += length;
  }
}

export function lowerPad(lowering: OperationLowering<PadAttrs>): void {
  const { axis, before, mode } = lowering.attrs;
  const place = inner(lowering.shape("x"), axis);
  const move = unitOf(lowering, ["x", "y"], [place]);
  emitMove(lowering, padKernel(move.unit, mode), move, "x", "y", {
    inner: move.units(place),
    size: lowering.shape("x")[axis],
    padded: lowering.shape("y")[axis],
    before,
  });
}

export function lowerRepeat(lowering: OperationLowering<RepeatAttrs>): void {
  const { times } = lowering.attrs;
  const from = lowering.shape("x");
  const own = stridesOf(from);
  // Axes that are not repeated go together with their neighbours.
  const axes: { size: number; times: number; stride: number }[] = [];
  lowering.shape("y").forEach((size, i) => {
    const last = axes[axes.length - 1];
    if (last && last.times === 1 && times[i] === 1) Object.assign(last, { size: last.size * size, stride: own[i] });
    else axes.push({ size, times: times[i], stride: own[i] });
  });
  const last = axes[axes.length - 1];
  const move = unitOf(lowering, ["x", "y"], [last.times === 1 ? last.size : 1]);
  const params: Record<string, number> = {};
  axes.forEach(({ size, times: each, stride }, a) => {
    const together = last.times === 1 && a === axes.length - 1;
    params[`size${a}`] = together ? move.units(size) : size;
    params[`times${a}`] = each;
    params[`stride${a}`] = together ? 1 : move.units(stride);
  });
  emitMove(lowering, repeatKernel(move.unit, axes.length), move, "x", "y", params);
}
