import * as V from "../../src/levels/job-layout";
import * as L from "../../src/job-layout";
import { rowsOf } from "../convert";
import { at, fill, filled, float, int, rowBytes } from "../job";
import { addAll, scaleRow } from "../rows";
import { sum4 } from "../math";
import { bisect } from "./bisect";
import { projectRow } from "./products";

/** Unit: a visual block. How far its keys and values are from their means (levels.md section 2); values projected. */
export function spreads(job: usize, block: i32, scratch: usize): void {
  const size = int(job, L.BLOCK_SIZE);
  const row = rowBytes(job);
  const valid = filled(job, block);
  const mean = scratch + <usize>size * row;
  const out = at(job, V.SPREADS) + (<usize>block << 3);
  store<f32>(out, spread(rowsOf(job, L.KEY, block * size, valid, scratch), valid, row, mean));
  const values = rowsOf(job, L.VALUE, block * size, valid, scratch);
  store<f32>(out, spread(values, valid, row, mean), 4);
  const projected = at(job, V.TOKEN_PROJECTED) + (<usize>(block * size) << 6);
  for (let r = 0; r < valid; r++)
    projectRow(values + <usize>r * row, at(job, V.PROJECTION), row, projected + <usize>r * 64);
}

function spread(rows: usize, count: i32, row: usize, mean: usize): f32 {
  fill(mean, row, 0);
  addAll(rows, count, row, mean);
  scaleRow(mean, 1 / <f32>count, row);
  let a = f32x4.splat(0), b = f32x4.splat(0);
  for (let r = 0; r < count; r++)
    for (let m = mean, end = mean + row; m < end; m += 32, rows += 32) {
      const x = f32x4.sub(v128.load(rows), v128.load(m));
      const y = f32x4.sub(v128.load(rows, 16), v128.load(m, 16));
      a = f32x4.add(a, f32x4.mul(x, x));
      b = f32x4.add(b, f32x4.mul(y, y));
    }
  return sum4(f32x4.add(a, b));
}

/** γσ: what values are scaled by beside keys. */
function valueFactor(job: usize): f32 {
  const n = int(job, L.VISUAL_BLOCKS);
  let keys: f64 = 0;
  let values: f64 = 0;
  for (let i = 0, p = at(job, V.SPREADS); i < n; i++, p += 8) {
    keys += load<f32>(p);
    values += load<f32>(p, 4);
  }
  return values > 0 ? float(job, V.GAMMA) * <f32>Math.sqrt(keys / values) : 0;
}

/** Unit: a visual block. Its slot order, nested over all levels (levels.md section 2). */
export function nestedOrder(job: usize, block: i32, scratch: usize): void {
  const size = int(job, L.BLOCK_SIZE);
  const row = rowBytes(job);
  const valid = filled(job, block);
  const first = block * size;
  const order = at(job, L.ORDER) + (<usize>first << 2);
  for (let slot = 0; slot < size; slot++) store<i32>(order + (<usize>slot << 2), first + slot);
  const depth = int(job, V.DEPTH);
  if (depth == 0) return;
  // Keys beside scaled values, about their mean; without values only the keys.
  const factor = valueFactor(job);
  const wide = factor > 0 ? row * 2 : row;
  const rows = scratch;
  const work = rows + <usize>size * row * 2;
  const mean = work + row * 8 + 4096;
  const raw = mean + row;
  centreInto(rowsOf(job, L.KEY, first, valid, raw), rows, valid, row, wide, 1, mean);
  if (factor > 0) centreInto(rowsOf(job, L.VALUE, first, valid, raw), rows + row, valid, row, wide, factor, mean);
  bisect(order, first, size, valid, rows, depth, int(job, L.POWER_STEPS), wide, work);
}

/** to = factor (rows about their mean), `pitch` bytes from row to row. */
export function centreInto(from: usize, to: usize, count: i32, row: usize, pitch: usize, factor: f32, mean: usize): void {
  fill(mean, row, 0);
  addAll(from, count, row, mean);
  scaleRow(mean, 1 / <f32>count, row);
  const f = f32x4.splat(factor);
  for (let r = 0; r < count; r++, to += pitch - row)
    for (let m = mean, end = mean + row; m < end; m += 16, from += 16, to += 16)
      v128.store(to, f32x4.mul(f, f32x4.sub(v128.load(from), v128.load(m))));
}
