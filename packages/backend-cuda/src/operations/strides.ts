import { bytesOf, type Call, countOf, gridOf, type Operand } from "../network/call.js";
import { Params } from "../params.js";
import { unitOf } from "./units.js";

/** One axis of a loop over elements, with the stride of each of several operands. */
export interface Axis {
  readonly size: number;
  readonly strides: readonly number[];
}

/** Row-major strides in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

/** The fewest axes that walk the same elements in the same order; at least one. */
export function collapse(sizes: readonly number[], strides: readonly (readonly number[])[]): Axis[] {
  const axes: Axis[] = [];
  sizes.forEach((size, i) => {
    if (size === 1) return;
    const own = strides.map((of) => of[i]);
    const before = axes[axes.length - 1];
    if (before?.strides.every((stride, k) => stride === own[k] * size))
      axes[axes.length - 1] = { size: before.size * size, strides: own };
    else axes.push({ size, strides: own });
  });
  return axes.length > 0 ? axes : [{ size: 1, strides: strides.map(() => 1) }];
}

export const pad = (values: readonly number[], length: number): number[] =>
  Array.from({ length }, (_, i) => values[i] ?? 0);

const COPY_AXES = 12;
type Launching = Pick<Call<"unary">, "launch">;

/**
 * Copies elements between two strided arrays of one type, in the widest units that fit.
 *
 * `axes` holds the strides of `x` and of `y`; `xOffset` and `yOffset` are elements.
 */
export function copyAxes(
  call: Launching,
  x: Operand,
  y: Operand,
  axes: readonly Axis[],
  xOffset = 0,
  yOffset = 0,
): void {
  const size = bytesOf(x.dtype);
  const from: Operand = { ...x, pointer: x.pointer + BigInt(xOffset * size) };
  const to: Operand = { ...y, pointer: y.pointer + BigInt(yOffset * size) };
  const last = axes[axes.length - 1];
  const others = axes.slice(0, -1);
  const whole = last.strides.every((stride) => stride === 1);
  const unit = whole ? widest(last.size, others, size, from, to) : size;
  const ratio = unit / size;
  const inUnits = whole ? [...others.map((axis) => scaled(axis, ratio)), { ...last, size: last.size / ratio }] : axes;
  const count = inUnits.reduce((product, axis) => product * axis.size, 1);
  if (count === 0) return;
  const parameters = new Params()
    .pointers(from.pointer, to.pointer)
    .longs(count)
    .ints(
      inUnits.length,
      0,
      ...pad(
        inUnits.map((axis) => axis.size),
        COPY_AXES,
      ),
    )
    .longs(
      ...pad(
        inUnits.map(({ strides }) => strides[0]),
        COPY_AXES,
      ),
    )
    .longs(
      ...pad(
        inUnits.map(({ strides }) => strides[1]),
        COPY_AXES,
      ),
    )
    .bytes();
  const kernel = `strided_copy_${unit}`;
  call.launch({ module: "reshape", kernel, grid: gridOf(count), threads: 256, parameters: [parameters] });
}

const scaled = ({ size, strides }: Axis, ratio: number): Axis => ({
  size,
  strides: strides.map((stride) => stride / ratio),
});

/** The widest unit that all strides and addresses are multiples of. */
function widest(inner: number, others: readonly Axis[], size: number, x: Operand, y: Operand): number {
  let bytes = unitOf(inner * size, x, y);
  while (bytes > size && others.some(({ strides }) => strides.some((stride) => (stride * size) % bytes !== 0)))
    bytes /= 2;
  return Math.max(bytes, size);
}

export const isEmpty = (operand: Operand): boolean => countOf(operand) === 0;
