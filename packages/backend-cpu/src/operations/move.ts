import type { OperationName } from "@spaattn/core";
import * as K from "../network/kernels.js";
import { CHUNK, ceil, type Lowering } from "../network/lowering.js";

/** One axis of a move: places, and elements from one place to the next in source and target; 0 repeats. */
export interface MoveAxis {
  readonly size: number;
  readonly in: number;
  readonly out: number;
}

/** Neighbouring axes that both sides walk as one become one. */
function merged(axes: readonly MoveAxis[]): MoveAxis[] {
  const result: MoveAxis[] = [];
  for (const axis of axes) {
    if (axis.size === 1) continue;
    const last = result[result.length - 1];
    if (last && last.in === axis.in * axis.size && last.out === axis.out * axis.size)
      result[result.length - 1] = { size: last.size * axis.size, in: axis.in, out: axis.out };
    else result.push(axis);
  }
  return result;
}

const ONE: MoveAxis = { size: 1, in: 1, out: 1 };

/** Emits a move of elements of `bytes` bytes; axes outermost first, in the order of the target. */
export function move<N extends OperationName>(
  l: Lowering<N>,
  from: number,
  to: number,
  bytes: number,
  given: readonly MoveAxis[],
): void {
  const axes = merged(given);
  if (axes.some(({ size }) => size === 0)) return;
  if (axes.length <= 1 && (axes[0] ?? ONE).in === 1 && (axes[0] ?? ONE).out === 1) {
    l.convert(from, "u8", to, "u8", (axes[0] ?? ONE).size * bytes);
    return;
  }
  // q: neighbours in the target; p: neighbours in the source, else the innermost of the others.
  const take = (at: number) => (at < 0 ? ONE : axes.splice(at, 1)[0]);
  const unit = axes.findIndex(({ out }) => out === 1);
  const q = take(unit < 0 ? axes.length - 1 : unit);
  const near = axes.findIndex((axis) => axis.in === 1);
  const p = take(near < 0 ? axes.length - 1 : near);
  const outer = axes.reduce((product, { size }) => product * size, 1);
  const chunk = Math.min(p.size, Math.max(4, ceil(ceil(CHUNK, q.size), 4) * 4));
  const group = chunk < p.size ? 1 : Math.max(1, Math.floor(CHUNK / (p.size * q.size)));
  const table = l.record(axes.flatMap(({ size, in: i, out }) => [size, i, out]));
  const words = [from, to, bytes, p.size, p.in, p.out, q.size, q.in, q.out, chunk, axes.length, table, outer, group];
  l.phase(K.K_MOVE, words, ceil(p.size, chunk) * ceil(outer, group));
}

/** Emits zeros. */
export function zeros<N extends OperationName>(l: Lowering<N>, to: number, bytes: number): void {
  l.phase(K.K_FILL, [to, bytes, CHUNK * 4], ceil(bytes, CHUNK * 4));
}

/** Elements from one place to the next, by axis. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = strides[i + 1] * shape[i + 1];
  return strides;
}
