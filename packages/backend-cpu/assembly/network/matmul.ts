import * as K from "../../src/network/kernels";
import { dotFour } from "../rows";
import { apply } from "./activation";
import { panelProduct, SUM_ROW } from "./micro";
import { Modulation, modulationRow } from "./modulate";
import { rowPart, unpackPanel } from "./unpack";
import { ConvWindow, windowTable } from "./window";

/** `linear` and `conv`: rows times the rows of a weight, and what follows. All but the weights are f32. */
@unmanaged
class MatmulJob {
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

const PLACE: usize = (K.DEPTH + 4) << 2;

/** Unit: `rows` rows by 64 columns; all row ranges of one column range first. */
export function matmul(job: usize, unit: i32, scratch: usize): void {
  const j = changetype<MatmulJob>(job);
  const chunks = (j.m + j.rows - 1) / j.rows;
  const first = (unit % chunks) * j.rows;
  const column = (unit / chunks) * K.TASK_COLUMNS;
  const count = min(j.rows, j.m - first);
  const columns = min(K.TASK_COLUMNS, j.n - column);
  const sums = scratch;
  const sums2 = sums + <usize>K.TASK_ROWS * SUM_ROW;
  const work = j.weight2 != 0 ? sums2 + <usize>K.TASK_ROWS * SUM_ROW : sums2;
  if (j.window == 0 && j.m < K.FEW_ROWS && (j.depth & 3) == 0) {
    fewRows(j, j.weight, j.weightType, column, columns, sums, work);
    if (j.weight2 != 0) fewRows(j, j.weight2, j.weightType2, column, columns, sums2, work);
  } else {
    const zeros = work + PLACE * 5;
    const panels = zeros + (<usize>j.depth << 2) + 16;
    const table = panels + PLACE * 16;
    fillTable(j, first, count, table, zeros);
    products(j, j.weight, j.weightType, count, column, columns, sums, work, panels, table);
    if (j.weight2 != 0) products(j, j.weight2, j.weightType2, count, column, columns, sums2, work, panels, table);
  }
  for (let r = 0; r < count; r++) finish(j, first + r, column, columns, sums + <usize>r * SUM_ROW, sums2 + <usize>r * SUM_ROW);
}

function fillTable(j: MatmulJob, first: i32, count: i32, table: usize, zeros: usize): void {
  if (j.window != 0) {
    memory.fill(zeros, 0, (<usize>j.depth << 2) + 16);
    windowTable(changetype<ConvWindow>(j.window), first, count, table, zeros);
  } else {
    let at = j.x + <usize>first * <usize>j.depth * 4;
    for (let r = 0; r < count; r++, at += <usize>j.depth << 2) store<u32>(table + (<usize>r << 2), <u32>at);
  }
  // The last group of eight is filled up with the last row; its products are not used.
  const taps = <usize>j.taps;
  for (let r = count; r & 7; r++)
    for (let t: usize = 0; t < taps; t++) {
      const group = table + (<usize>(r >> 3) * taps + t << 5);
      store<u32>(group + (<usize>(r & 7) << 2), load<u32>(group + (<usize>((count - 1) & 7) << 2)));
    }
}

function products(
  j: MatmulJob,
  weight: usize,
  dtype: i32,
  count: i32,
  column: i32,
  columns: i32,
  sums: usize,
  work: usize,
  panels: usize,
  table: usize,
): void {
  const groups = (count + 7) >> 3;
  // Whole taps at a time where several fit, else a part of one.
  const together = max(1, K.DEPTH / j.depth);
  for (let tap = 0; tap < j.taps; tap += together) {
    const taps = min(together, j.taps - tap);
    for (let k = 0; k < j.depth; k += K.DEPTH) {
      const depth = min(K.DEPTH, j.depth - k);
      const length = taps * depth;
      let panel = panels;
      for (let n = 0; n < columns; ) {
        const left = columns - n;
        const width = left > 8 ? 16 : left > 4 ? 8 : 4;
        unpackPanel(weight, dtype, j.weightBytes, column + n, min(width, left), tap * j.depth + k, length, panel, width, work);
        const fresh = tap == 0 && k == 0;
        const to = sums + (<usize>n << 2);
        panelProduct(width, table, groups, j.taps, tap, taps, <usize>k << 2, <usize>depth << 2, panel, to, fresh);
        n += width;
      }
    }
  }
}

/** One to five rows: products with the weight's rows as they lie, which only has to be read. */
function fewRows(j: MatmulJob, weight: usize, dtype: i32, column: i32, columns: i32, sums: usize, work: usize): void {
  const empty = work + PLACE * 4;
  for (let n = 0; n < columns; n += 4)
    for (let k = 0; k < j.depth; k += K.DEPTH) {
      const length = min(K.DEPTH, j.depth - k);
      const at = weight + <usize>(column + n) * <usize>j.weightBytes;
      if (n + 4 > columns) memory.fill(empty, 0, PLACE);
      const a = rowPart(at, dtype, k, length, work);
      const b = n + 1 < columns ? rowPart(at + j.weightBytes, dtype, k, length, work + PLACE) : empty;
      const c = n + 2 < columns ? rowPart(at + j.weightBytes * 2, dtype, k, length, work + PLACE * 2) : empty;
      const d = n + 3 < columns ? rowPart(at + j.weightBytes * 3, dtype, k, length, work + PLACE * 3) : empty;
      for (let r = 0; r < j.m; r++) {
        const sum = sums + <usize>r * SUM_ROW + (<usize>n << 2);
        const s = dotFour(j.x + (<usize>(r * j.depth + k) << 2), a, b, c, d, <usize>length << 2);
        v128.store(sum, k == 0 ? s : f32x4.add(v128.load(sum), s));
      }
    }
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
  shift(sums, j.scale, j.scaleStep, j.bias, column, columns);
  if (j.activation != K.NONE) apply(j.activation, sums, sums, (columns + 3) & ~3, 0, 0);
  const pair = j.weight2 != 0;
  if (pair) shift(sums2, j.scale2, j.scaleStep2, j.bias2, column, columns);
  const offset = <usize>column << 2;
  const line = <usize>row * <usize>j.n * 4 + offset;
  const to = j.y + line;
  const residual = j.residual + line;
  const gate =
    j.gate != 0 ? j.gate + <usize>modulationRow(changetype<Modulation>(j.modulation), row) * <usize>j.n * 4 + offset : 0;
  let x: usize = 0;
  for (const end = <usize>columns << 2; x < end; x += 16) {
    let v = v128.load(sums + x);
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
