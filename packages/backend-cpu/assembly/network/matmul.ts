import * as K from "../../src/network/kernels";
import { dotFour } from "../rows";
import { finishRows, MatmulJob } from "./finish";
import { panelProduct, SUM_ROW } from "./micro";
import { rowPart, unpackPanel } from "./unpack";
import { ConvWindow, windowTable } from "./window";

const PLACE: usize = (K.DEPTH + 4) << 2;

/** Unit: `rows` rows by 64 columns; all columns of the same rows first, so that the rows stay in the cache. */
export function matmul(job: usize, unit: i32, scratch: usize): void {
  const j = changetype<MatmulJob>(job);
  const across = (j.n + K.TASK_COLUMNS - 1) / K.TASK_COLUMNS;
  const first = (unit / across) * j.rows;
  const column = (unit % across) * K.TASK_COLUMNS;
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
    const table = panels + PLACE * K.TASK_COLUMNS;
    fillTable(j, first, count, table, zeros);
    if (j.weight2 != 0) products(j, j.weight2, j.weightType2, first, count, column, columns, sums2, 0, work, panels, table);
    products(j, j.weight, j.weightType, first, count, column, columns, sums, sums2, work, panels, table);
    return;
  }
  finishRows(j, first, 0, count, column, columns, sums, sums2);
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

/** Rows that go through all panels, and are finished, while they are in the nearest cache. */
const STRIP = 64;

/** The products of a task; finishes its rows where `sums2` (for gated pairs: the other products) is given. */
function products(
  j: MatmulJob,
  weight: usize,
  dtype: i32,
  first: i32,
  count: i32,
  column: i32,
  columns: i32,
  sums: usize,
  sums2: usize,
  work: usize,
  panels: usize,
  table: usize,
): void {
  // Whole taps at a time where several fit, else a part of one.
  const together = max(1, K.DEPTH / j.depth);
  for (let tap = 0; tap < j.taps; tap += together) {
    const taps = min(together, j.taps - tap);
    for (let k = 0; k < j.depth; k += K.DEPTH) {
      const depth = min(K.DEPTH, j.depth - k);
      unpackPanels(j, weight, dtype, column, columns, tap * j.depth + k, taps * depth, panels, work);
      const last = tap + taps == j.taps && k + depth == j.depth;
      const fresh = tap == 0 && k == 0;
      for (let row = 0; row < count; row += STRIP) {
        const rows = min(STRIP, count - row);
        const lines = table + (<usize>((row >> 3) * j.taps) << 5);
        const out = sums + <usize>row * SUM_ROW;
        for (let n = 0; n < columns; n += 16) {
          const width = panelWidth(columns - n);
          const panel = panels + (<usize>n >> 4) * PLACE * 16;
          const to = out + (<usize>n << 2);
          panelProduct(width, lines, (rows + 7) >> 3, j.taps, tap, taps, <usize>k << 2, <usize>depth << 2, panel, to, fresh);
        }
        if (last && sums2 != 0) finishRows(j, first, row, rows, column, columns, sums, sums2);
      }
    }
  }
}

/** Columns of a panel where so many are left. */
@inline function panelWidth(left: i32): i32 {
  return left > 8 ? 16 : left > 4 ? 8 : 4;
}

function unpackPanels(
  j: MatmulJob,
  weight: usize,
  dtype: i32,
  column: i32,
  columns: i32,
  first: i32,
  count: i32,
  panels: usize,
  work: usize,
): void {
  for (let n = 0; n < columns; n += 16, panels += PLACE * 16) {
    const left = columns - n;
    unpackPanel(weight, dtype, j.weightBytes, column + n, min(16, left), first, count, panels, panelWidth(left), work);
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
