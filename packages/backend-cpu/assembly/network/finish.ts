import * as K from "../../src/network/kernels";
import { apply } from "./activation";
import { SUM_ROW } from "./micro";
import { Modulation, modulationRow } from "./modulate";

/** `linear` and `conv`: rows times the rows of a weight, and what follows. All but the weights are f32. */
@unmanaged
export class MatmulJob {
  /** Rows `[m][k]`; unused for a convolution. */
  x: usize;
  window: usize;
  weight: usize;
  weight2: usize;
  weightType: i32;
  weightType2: i32;
  m: i32;
  n: i32;
  /** Numbers a row of the weight has: taps * depth. */
  taps: i32;
  depth: i32;
  weightBytes: i32;
  /** Rows and columns of one task. */
  rows: i32;
  scale: usize;
  /** 4, or 0 where one number scales all rows. */
  scaleStep: i32;
  scale2: usize;
  scaleStep2: i32;
  bias: usize;
  bias2: usize;
  activation: i32;
  gate: usize;
  modulation: usize;
  residual: usize;
  y: usize;
}

/** Everything behind the product, for rows `[row, row + rows)` of a task. */
export function finishRows(j: MatmulJob, first: i32, row: i32, rows: i32, column: i32, columns: i32, sums: usize, sums2: usize): void {
  for (let r = row; r < row + rows; r++)
    finish(j, first + r, column, columns, sums + <usize>r * SUM_ROW, sums2 + <usize>r * SUM_ROW);
}

/** sums * scale + bias */
@inline function shift(sums: usize, scale: usize, step: i32, bias: usize, column: i32, columns: i32): void {
  if (scale == 0 && bias == 0) return;
  const offset = <usize>column << 2;
  let factor = f32x4.splat(1);
  if (scale != 0 && step == 0) factor = v128.load32_splat(scale);
  for (let x: usize = 0, end = <usize>columns << 2; x < end; x += 16) {
    let v = v128.load(sums + x);
    if (scale != 0) v = f32x4.mul(v, step == 0 ? factor : v128.load(scale + offset + x));
    if (bias != 0) v = f32x4.add(v, v128.load(bias + offset + x));
    v128.store(sums + x, v);
  }
}

/** Everything behind the product, one row; loads past the last column read what is not used. */
function finish(j: MatmulJob, row: i32, column: i32, columns: i32, sums: usize, sums2: usize): void {
  const pair = j.weight2 != 0;
  // Without anything between them the bias is added in the last pass.
  const plain = !pair && j.activation == K.NONE && j.scale == 0;
  if (!plain) shift(sums, j.scale, j.scaleStep, j.bias, column, columns);
  if (j.activation != K.NONE) apply(j.activation, sums, sums, (columns + 3) & ~3, 0, 0);
  if (pair) shift(sums2, j.scale2, j.scaleStep2, j.bias2, column, columns);
  const offset = <usize>column << 2;
  const line = <usize>row * <usize>j.n * 4 + offset;
  const to = j.y + line;
  const residual = j.residual + line;
  const gate =
    j.gate != 0 ? j.gate + <usize>modulationRow(changetype<Modulation>(j.modulation), row) * <usize>j.n * 4 + offset : 0;
  const bias: usize = plain && j.bias != 0 ? j.bias + offset : 0;
  let x: usize = 0;
  for (const end = <usize>columns << 2; x < end; x += 16) {
    let v = v128.load(sums + x);
    if (bias != 0) v = f32x4.add(v, v128.load(bias + x));
    if (pair) v = f32x4.mul(v, v128.load(sums2 + x));
    if (gate != 0) v = f32x4.mul(v, v128.load(gate + x));
    if (j.residual != 0) v = f32x4.add(v, v128.load(residual + x));
    if (x + 16 <= end) {
      v128.store(to + x, v);
      continue;
    }
    store<f32>(to + x, f32x4.extract_lane(v, 0));
    if (x + 8 <= end) store<f32>(to + x, f32x4.extract_lane(v, 1), 4);
    if (x + 12 <= end) store<f32>(to + x, f32x4.extract_lane(v, 2), 8);
  }
}
