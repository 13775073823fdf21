import { madd } from "./math";

/*
 * The two products of attention, in register tiles of 2 rows by 16 columns: 8 accumulators, 4 loads of the right
 * operand and 2 splats of the left one per step. Unrolling the inner loop spills on older engines and is slower.
 */

/** Bytes of a row of the score tile: 128 columns. */
const SCORE_ROW: usize = 512;

/** Scores of two rows against one panel of 16 keys, and the running row maxima at `tops`. */
@inline function scorePair(queries: usize, keys: usize, bytes: usize, out: usize, tops: usize): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0), c02 = f32x4.splat(0), c03 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0), c12 = f32x4.splat(0), c13 = f32x4.splat(0);
  const end = queries + bytes;
  do {
    const b0 = v128.load(keys), b1 = v128.load(keys, 16), b2 = v128.load(keys, 32), b3 = v128.load(keys, 48);
    const a0 = v128.load32_splat(queries);
    c00 = madd(a0, b0, c00);
    c01 = madd(a0, b1, c01);
    c02 = madd(a0, b2, c02);
    c03 = madd(a0, b3, c03);
    const a1 = v128.load32_splat(queries, 4);
    c10 = madd(a1, b0, c10);
    c11 = madd(a1, b1, c11);
    c12 = madd(a1, b2, c12);
    c13 = madd(a1, b3, c13);
    keys += 64;
    queries += 8;
  } while (queries < end);
  v128.store(out, c00);
  v128.store(out, c01, 16);
  v128.store(out, c02, 32);
  v128.store(out, c03, 48);
  v128.store(tops, f32x4.pmax(f32x4.pmax(f32x4.pmax(f32x4.pmax(v128.load(tops), c00), c01), c02), c03));
  v128.store(out, c10, 512);
  v128.store(out, c11, 528);
  v128.store(out, c12, 544);
  v128.store(out, c13, 560);
  v128.store(tops, f32x4.pmax(f32x4.pmax(f32x4.pmax(f32x4.pmax(v128.load(tops, 16), c10), c11), c12), c13), 16);
}

/** scores[r][c] = queries[r] . keys[c]; queries interleaved in pairs of rows, keys in panels of 16. */
export function scoreTile(queries: usize, keys: usize, scores: usize, tops: usize, pairs: i32, panels: i32, row: usize): void {
  const pairBytes = row * 2;
  for (let panel = 0; panel < panels; panel++) {
    let a = queries, out = scores, x = tops;
    for (let pair = 0; pair < pairs; pair++) {
      scorePair(a, keys, pairBytes, out, x);
      a += pairBytes;
      out += SCORE_ROW * 2;
      x += 32;
    }
    keys += row << 4;
    scores += 64;
  }
}

/** Two rows of 16 channels: sums = sums * decay + weights . values over the keys in [weights, end). */
@inline function weighPair(weights: usize, bytes: usize, values: usize, out: usize, row: usize, decay: usize): void {
  const other = out + row;
  const d0 = v128.load32_splat(decay);
  let c00 = f32x4.mul(v128.load(out), d0), c01 = f32x4.mul(v128.load(out, 16), d0);
  let c02 = f32x4.mul(v128.load(out, 32), d0), c03 = f32x4.mul(v128.load(out, 48), d0);
  const d1 = v128.load32_splat(decay, 4);
  let c10 = f32x4.mul(v128.load(other), d1), c11 = f32x4.mul(v128.load(other, 16), d1);
  let c12 = f32x4.mul(v128.load(other, 32), d1), c13 = f32x4.mul(v128.load(other, 48), d1);
  const end = weights + bytes;
  do {
    const b0 = v128.load(values), b1 = v128.load(values, 16), b2 = v128.load(values, 32), b3 = v128.load(values, 48);
    const a0 = v128.load32_splat(weights);
    c00 = madd(a0, b0, c00);
    c01 = madd(a0, b1, c01);
    c02 = madd(a0, b2, c02);
    c03 = madd(a0, b3, c03);
    const a1 = v128.load32_splat(weights, 512);
    c10 = madd(a1, b0, c10);
    c11 = madd(a1, b1, c11);
    c12 = madd(a1, b2, c12);
    c13 = madd(a1, b3, c13);
    values += 64;
    weights += 4;
  } while (weights < end);
  v128.store(out, c00);
  v128.store(out, c01, 16);
  v128.store(out, c02, 32);
  v128.store(out, c03, 48);
  v128.store(other, c10);
  v128.store(other, c11, 16);
  v128.store(other, c12, 32);
  v128.store(other, c13, 48);
}

/** sums[r][x] = sums[r][x] * decay[r] + sum over c < valid of weights[r][c] values[c][x]. */
export function weighTile(
  weights: usize,
  values: usize,
  sums: usize,
  decay: usize,
  pairs: i32,
  valid: i32,
  slots: i32,
  row: usize,
): void {
  const bytes = <usize>valid << 2;
  for (let x: usize = 0; x < row; x += 64) {
    let a = weights, out = sums + x, s = decay;
    for (let pair = 0; pair < pairs; pair++) {
      weighPair(a, bytes, values, out, row, s);
      a += SCORE_ROW * 2;
      out += row * 2;
      s += 8;
    }
    values += <usize>slots << 6;
  }
}
