import { TILE_COLUMNS } from "../job-layout.js";

/*
 * The two products of attention, in 2 x 2 register blocks: each loaded number is used twice, which is what a scalar
 * engine can keep in registers.
 */

/** scores[r][c] = queries[r] . keys[c]; keys in panels of 16. `rows` and `columns` are even. */
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
    for (let r = 0; r < rows; r += 2) {
      let [s00, s01, s10, s11] = [0, 0, 0, 0];
      const a = queries + r * d;
      for (let x = 0, k = panel; x < d; x++, k += 16) {
        const a0 = f32[a + x];
        const a1 = f32[a + d + x];
        const b0 = f32[k];
        const b1 = f32[k + 1];
        s00 += a0 * b0;
        s01 += a0 * b1;
        s10 += a1 * b0;
        s11 += a1 * b1;
      }
      const out = scores + r * TILE_COLUMNS + c;
      f32[out] = s00;
      f32[out + 1] = s01;
      f32[out + TILE_COLUMNS] = s10;
      f32[out + TILE_COLUMNS + 1] = s11;
    }
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
    for (let r = 0; r < rows; r += 2) {
      const out = sums + r * d + x;
      let s00 = f32[out];
      let s01 = f32[out + 1];
      let s10 = f32[out + d];
      let s11 = f32[out + d + 1];
      const a = weights + r * TILE_COLUMNS;
      for (let c = 0, v = panel; c < valid; c++, v += 16) {
        const a0 = f32[a + c];
        const a1 = f32[a + TILE_COLUMNS + c];
        const b0 = f32[v];
        const b1 = f32[v + 1];
        s00 += a0 * b0;
        s01 += a0 * b1;
        s10 += a1 * b0;
        s11 += a1 * b1;
      }
      f32[out] = s00;
      f32[out + 1] = s01;
      f32[out + d] = s10;
      f32[out + d + 1] = s11;
    }
  }
}
