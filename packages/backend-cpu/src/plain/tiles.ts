import { TILE_COLUMNS } from "../job-layout.js";

/*
 * The two products of attention, in register blocks of 4 rows by 2 columns: six loads (each a conversion to double)
 * for sixteen operations, which is what a scalar engine can keep in registers.
 */

/** scores[r][c] = queries[r] . keys[c]; keys in panels of 16. `rows` is a multiple of 4, `columns` of 2. */
export function scoreTile(
  f32: Float32Array,
  queries: number,
  keys: number,
  scores: number,
  rows: number,
  columns: number,
  d: number,
): void {
  for (let c = 0; c < columns; c += 2) {
    const panel = keys + (c >> 4) * 16 * d + (c & 15);
    for (let r = 0; r < rows; r += 4)
      block(f32, queries + r * d, d, panel, d, scores + r * TILE_COLUMNS + c, TILE_COLUMNS, false);
  }
}

/** sums[r][x] += sum over c of weights[r][c] values[c][x]; values in panels of 16 channels. */
export function weighTile(
  f32: Float32Array,
  weights: number,
  values: number,
  sums: number,
  rows: number,
  valid: number,
  d: number,
  slots: number,
): void {
  for (let x = 0; x < d; x += 2) {
    const panel = values + (x >> 4) * 16 * slots + (x & 15);
    for (let r = 0; r < rows; r += 4)
      block(f32, weights + r * TILE_COLUMNS, TILE_COLUMNS, panel, valid, sums + r * d + x, d, true);
  }
}

/** 4 x 2 results at `out`: rows of `left` (`leftRow` apart) times two neighbouring columns of a panel, added or set. */
function block(
  f32: Float32Array,
  left: number,
  leftRow: number,
  panel: number,
  length: number,
  out: number,
  outRow: number,
  add: boolean,
): void {
  let a0 = 0;
  let a1 = 0;
  let b0 = 0;
  let b1 = 0;
  let c0 = 0;
  let c1 = 0;
  let d0 = 0;
  let d1 = 0;
  const [second, third, fourth] = [left + leftRow, left + 2 * leftRow, left + 3 * leftRow];
  for (let i = 0, at = panel; i < length; i++, at += 16) {
    const x = f32[at];
    const y = f32[at + 1];
    const a = f32[left + i];
    a0 += a * x;
    a1 += a * y;
    const b = f32[second + i];
    b0 += b * x;
    b1 += b * y;
    const c = f32[third + i];
    c0 += c * x;
    c1 += c * y;
    const d = f32[fourth + i];
    d0 += d * x;
    d1 += d * y;
  }
  put(f32, out, a0, a1, add);
  put(f32, out + outRow, b0, b1, add);
  put(f32, out + 2 * outRow, c0, c1, add);
  put(f32, out + 3 * outRow, d0, d1, add);
}

function put(f32: Float32Array, at: number, x: number, y: number, add: boolean): void {
  f32[at] = add ? f32[at] + x : x;
  f32[at + 1] = add ? f32[at + 1] + y : y;
}
