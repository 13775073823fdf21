import * as K from "../../src/network/kernels";
import { dequantise } from "./quantised";
import { elementBytes, widenAll } from "./numbers";

/** Numbers `[first, first + count)` of a weight row as f32: in place where they are f32, else widened at `scratch`. */
@inline export function rowPart(row: usize, dtype: i32, first: i32, count: i32, scratch: usize): usize {
  if (dtype == K.F32) return row + (<usize>first << 2);
  if (dtype >= K.Q8_0) dequantise(row, dtype, first, count, scratch);
  else widenAll(row + <usize>(first * elementBytes(dtype)), dtype, scratch, count);
  return scratch;
}

/** Four rows become four neighbouring columns of a panel `[count][width]`. */
function transposeFour(a: usize, b: usize, c: usize, d: usize, count: i32, to: usize, width: usize): void {
  const line = width << 2;
  for (let k = 0; k < count; k += 4) {
    const p = v128.load(a), q = v128.load(b), r = v128.load(c), s = v128.load(d);
    const pq = i32x4.shuffle(p, q, 0, 4, 1, 5), rs = i32x4.shuffle(r, s, 0, 4, 1, 5);
    const PQ = i32x4.shuffle(p, q, 2, 6, 3, 7), RS = i32x4.shuffle(r, s, 2, 6, 3, 7);
    v128.store(to, i32x4.shuffle(pq, rs, 0, 1, 4, 5));
    v128.store(to + line, i32x4.shuffle(pq, rs, 2, 3, 6, 7));
    v128.store(to + line * 2, i32x4.shuffle(PQ, RS, 0, 1, 4, 5));
    v128.store(to + line * 3, i32x4.shuffle(PQ, RS, 2, 3, 6, 7));
    a += 16;
    b += 16;
    c += 16;
    d += 16;
    to += line * 4;
  }
}

/**
 * Rows `[n, n + rows)` of a weight, numbers `[first, first + count)` of each, as a packed panel of `width` columns; the
 * columns behind the last row are zero. Writes up to three lines more than `count`. `scratch`: five rows.
 */
export function unpackPanel(
  weight: usize,
  dtype: i32,
  rowBytes: usize,
  n: i32,
  rows: i32,
  first: i32,
  count: i32,
  to: usize,
  width: i32,
  scratch: usize,
): void {
  const place = <usize>(K.DEPTH + 4) << 2;
  const empty = scratch + place * 4;
  if (rows & 3) memory.fill(empty, 0, place);
  for (let r = 0; r < width; r += 4) {
    const at = weight + <usize>(n + r) * rowBytes;
    if (r >= rows) memory.fill(empty, 0, place);
    const a = r < rows ? rowPart(at, dtype, first, count, scratch) : empty;
    const b = r + 1 < rows ? rowPart(at + rowBytes, dtype, first, count, scratch + place) : empty;
    const c = r + 2 < rows ? rowPart(at + rowBytes * 2, dtype, first, count, scratch + place * 2) : empty;
    const d = r + 3 < rows ? rowPart(at + rowBytes * 3, dtype, first, count, scratch + place * 3) : empty;
    transposeFour(a, b, c, d, count, to + (<usize>r << 2), <usize>width);
  }
}
