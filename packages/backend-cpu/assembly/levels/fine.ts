import { copy, fill } from "../job";
import { split } from "../strata";
import { sum4, top4 } from "../math";
import { addListed, addRows, orientation, project, scaleRow, wave } from "../rows";
import { dotsPair } from "./products";

/*
 * Bisection of short lists. Power iteration w <- X^T (X w) on m rows is the same as y <- (X X^T) y on m numbers, and the
 * products of rows are good for every level below: far less work than passing over the rows again and again.
 */

/** Rows of the longest list that is handled here. */
export const FINE_ROWS: i32 = 32;
/** Bytes of one row of products. */
const LINE: usize = 128;

/** Bytes of work space for rows of `row` bytes. */
@inline export function fineBytes(row: usize): usize {
  return <usize>FINE_ROWS * row + row * 3 + LINE * 32 * 2 + 2048;
}

/**
 * Splits `length` slots, of which `count` hold rows, `levels` times.
 *
 * @param list i32 tokens, ascending from `first`
 * @param rows the block's rows, by token
 */
export function bisectFine(
  list: usize,
  length: i32,
  count: i32,
  first: i32,
  rows: usize,
  levels: i32,
  steps: i32,
  row: usize,
  work: usize,
): void {
  const centred = work;
  const axis = centred + <usize>FINE_ROWS * row;
  const mean = axis + row;
  const products = mean + row * 2;
  const own = products + LINE * 32;
  const y = own + LINE * 32;
  const places = y + 1536;
  centre(list, count, first, rows, centred, mean, y, row);
  for (let r = 0; r < count; r++)
    store<u8>(places + <usize>(load<i32>(list + (<usize>r << 2)) - first), <u8>r);
  gram(centred, count, products, row);
  for (let level = 0; level < levels; level++) {
    const size = length >> level;
    for (let start = 0; start < length; start += size) {
      const rowsHere = min(size, count - start);
      // Half a list or less stays where it is: padding comes last.
      if (rowsHere <= size >> 1) continue;
      const part = list + (<usize>start << 2);
      gather(part, rowsHere, first, places, products, own);
      along(part, rowsHere, first, places, centred, own, y, axis, steps, row);
      split(part, size, rowsHere, y);
    }
  }
}

/** The listed rows about their mean. */
function centre(list: usize, count: i32, first: i32, rows: usize, to: usize, mean: usize, pointers: usize, row: usize): void {
  fill(mean, row, 0);
  // Rows of zeros complete the last four.
  const zeros = mean + row;
  fill(zeros, row, 0);
  for (let r = 0; r < ((count + 3) & ~3); r++) {
    const token = r < count ? load<i32>(list + (<usize>r << 2)) - first : 0;
    store<u32>(pointers + (<usize>r << 2), <u32>(r < count ? rows + <usize>token * row : zeros));
  }
  addListed(pointers, (count + 3) & ~3, row, mean);
  scaleRow(mean, 1 / <f32>count, row);
  for (let r = 0; r < count; r++, to += row) {
    const from = <usize>load<u32>(pointers + (<usize>r << 2));
    for (let x: usize = 0; x < row; x += 16)
      v128.store(to + x, f32x4.sub(v128.load(from + x), v128.load(mean + x)));
  }
  for (let r = count; r < FINE_ROWS; r++, to += row) fill(to, row, 0);
}

/** Products of all pairs of rows: those from the diagonal on, then their mirror images. */
function gram(rows: usize, count: i32, out: usize, row: usize): void {
  for (let i = 0; i < count; i += 2) {
    const from = i & ~3;
    const line = out + <usize>i * LINE + (<usize>from << 2);
    const a = rows + <usize>i * row;
    dotsPair(a, a + row, rows + <usize>from * row, FINE_ROWS - from, row, line, line + LINE);
  }
  for (let i = 4; i < count; i++)
    for (let j = 0; j < (i & ~3); j++)
      store<f32>(out + <usize>i * LINE + (<usize>j << 2), load<f32>(out + <usize>j * LINE + (<usize>i << 2)));
}

/** The products of a part's rows, each line filled up with zeros to a multiple of four. */
function gather(part: usize, count: i32, first: i32, places: usize, products: usize, to: usize): void {
  const padded = (count + 3) & ~3;
  for (let a = 0; a < count; a++, to += LINE) {
    const line = products + <usize>place(part, a, first, places) * LINE;
    for (let b = 0; b < count; b++)
      store<f32>(to + (<usize>b << 2), load<f32>(line + (<usize>place(part, b, first, places) << 2)));
    for (let b = count; b < padded; b++) store<f32>(to + (<usize>b << 2), 0);
  }
  for (let a = count; a < padded; a++, to += LINE) fill(to, LINE, 0);
}

@inline function place(part: usize, slot: i32, first: i32, places: usize): i32 {
  return <i32>load<u8>(places + <usize>(load<i32>(part + (<usize>slot << 2)) - first));
}

/** Leaves the rows' positions along their principal axis at `y`. */
function along(
  part: usize,
  count: i32,
  first: i32,
  places: usize,
  rows: usize,
  products: usize,
  y: usize,
  axis: usize,
  steps: i32,
  row: usize,
): void {
  const padded = (count + 3) & ~3;
  const pointers = y + 1024, next = y + 1280;
  for (let r = 0; r < padded; r++)
    store<u32>(pointers + (<usize>r << 2), <u32>(rows + <usize>place(part, min(r, count - 1), first, places) * row));
  wave(axis, row);
  project(pointers, padded, axis, row, y);
  about(y, count, padded);
  for (let step = 1; step < steps; step++) {
    times(products, y, padded, next);
    about(next, count, padded);
    copy(y, next, <usize>padded << 2);
  }
  // The axis itself, for its sign.
  fill(axis, row, 0);
  for (let r = 0; r < count; r++) addRows(y + (<usize>r << 2), <usize>load<u32>(pointers + (<usize>r << 2)), 1, row, axis);
  const sign = orientation(axis, row);
  times(products, y, padded, next);
  about(next, count, padded);
  for (let x: usize = 0; x < <usize>padded << 2; x += 16)
    v128.store(y + x, f32x4.mul(f32x4.splat(sign), v128.load(next + x)));
}

/** out = matrix y */
function times(matrix: usize, y: usize, padded: i32, out: usize): void {
  for (let a = 0; a < padded; a += 4, matrix += LINE * 4, out += 16) {
    let p = f32x4.splat(0), q = f32x4.splat(0), r = f32x4.splat(0), t = f32x4.splat(0);
    for (let x: usize = 0; x < <usize>padded << 2; x += 16) {
      const v = v128.load(y + x);
      p = f32x4.add(p, f32x4.mul(v, v128.load(matrix + x)));
      q = f32x4.add(q, f32x4.mul(v, v128.load(matrix + LINE + x)));
      r = f32x4.add(r, f32x4.mul(v, v128.load(matrix + LINE * 2 + x)));
      t = f32x4.add(t, f32x4.mul(v, v128.load(matrix + LINE * 3 + x)));
    }
    store<f32>(out, sum4(p));
    store<f32>(out, sum4(q), 4);
    store<f32>(out, sum4(r), 8);
    store<f32>(out, sum4(t), 12);
  }
}

/** y about its mean, its largest magnitude made 1; padding 0. */
function about(y: usize, count: i32, padded: i32): void {
  for (let r = count; r < padded; r++) store<f32>(y + (<usize>r << 2), 0);
  const end = y + (<usize>padded << 2);
  let sum = f32x4.splat(0);
  for (let p = y; p < end; p += 16) sum = f32x4.add(sum, v128.load(p));
  const mean = f32x4.splat(sum4(sum) / <f32>count);
  let top = f32x4.splat(0);
  for (let p = y; p < end; p += 16) {
    const v = f32x4.sub(v128.load(p), mean);
    v128.store(p, v);
    top = f32x4.pmax(top, f32x4.abs(v));
  }
  for (let r = count; r < padded; r++) store<f32>(y + (<usize>r << 2), 0);
  const largest = f32x4.extract_lane(top4(top), 0);
  // Equal rows have no axis: all of them stay at 0.
  const scale = f32x4.splat(largest > 1e-30 ? 1 / largest : 0);
  for (let p = y; p < end; p += 16) v128.store(p, f32x4.mul(scale, v128.load(p)));
}
