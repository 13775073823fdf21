import * as L from "../src/job-layout";
import { rowsOf } from "./convert";
import { at, fill, filled, int, rowBytes } from "./job";
import { addAll, scaleRow } from "./rows";

/** Unit: a visual block. Means and mean absolute deviations (docs/method.md#pooling), those that have a place. */
export function pool(job: usize, block: i32, scratch: usize): void {
  average(job, block, scratch, L.QUERY, at(job, L.QUERY_MEAN), at(job, L.QUERY_DEVIATION));
  average(job, block, scratch, L.KEY, at(job, L.KEY_MEAN), at(job, L.KEY_DEVIATION));
  average(job, block, scratch, L.VALUE, at(job, L.VALUE_MEAN), 0);
}

function average(job: usize, block: i32, scratch: usize, source: i32, means: usize, deviations: usize): void {
  if (means == 0) return;
  const row = rowBytes(job);
  const size = int(job, L.BLOCK_SIZE);
  const valid = filled(job, block);
  const divisor = int(job, L.ZERO_PADDING) ? size : valid;
  const rows = rowsOf(job, source, block * size, valid, scratch);
  const mean = means + <usize>block * row;
  const share: f32 = <f32>1 / <f32>divisor;
  fill(mean, row, 0);
  addAll(rows, valid, row, mean);
  scaleRow(mean, share, row);
  if (deviations == 0) return;
  const deviation = deviations + <usize>block * row;
  // The zero rows of the original's padding deviate by the mean itself.
  const padding = f32x4.splat(<f32>(divisor - valid));
  for (let x: usize = 0; x < row; x += 16)
    v128.store(deviation + x, f32x4.mul(padding, f32x4.abs(v128.load(mean + x))));
  addDeviations(rows, valid, row, mean, deviation);
  scaleRow(deviation, share, row);
}

/** out += sum |row - mean|, two rows at a time and row by row: memory likes to be read in order. */
function addDeviations(rows: usize, count: i32, row: usize, mean: usize, out: usize): void {
  const end = mean + row;
  let r = 0;
  for (; r + 2 <= count; r += 2, rows += row) {
    let to = out;
    for (let m = mean; m < end; m += 32, to += 32, rows += 32) {
      const a = v128.load(m), b = v128.load(m, 16);
      const other = rows + row;
      const c = f32x4.add(f32x4.abs(f32x4.sub(v128.load(rows), a)), f32x4.abs(f32x4.sub(v128.load(other), a)));
      const d = f32x4.add(f32x4.abs(f32x4.sub(v128.load(rows, 16), b)), f32x4.abs(f32x4.sub(v128.load(other, 16), b)));
      v128.store(to, f32x4.add(v128.load(to), c));
      v128.store(to, f32x4.add(v128.load(to, 16), d), 16);
    }
  }
  if (r == count) return;
  for (let x: usize = 0; x < row; x += 16) {
    const c = f32x4.abs(f32x4.sub(v128.load(rows + x), v128.load(mean + x)));
    v128.store(out + x, f32x4.add(v128.load(out + x), c));
  }
}

/** Unit: a group. The mean of its valid queries (docs/tail.md#statistics). */
export function anchor(job: usize, group: i32): void {
  const row = rowBytes(job);
  const size = int(job, L.GROUP);
  const first = group * size;
  const end = min(int(job, L.VISUAL_BLOCKS), first + size);
  const padded = int(job, L.ZERO_PADDING);
  const means = at(job, L.QUERY_MEAN);
  const out = at(job, L.ANCHOR) + <usize>group * row;
  for (let x: usize = 0; x < row; x += 16) {
    let sum = f32x4.splat(0);
    let count = 0;
    for (let i = first; i < end; i++) {
      const valid = filled(job, i);
      const weight = f32x4.splat(<f32>(padded ? int(job, L.BLOCK_SIZE) : valid));
      sum = f32x4.add(sum, f32x4.mul(weight, v128.load(means + <usize>i * row + x)));
      count += valid;
    }
    v128.store(out + x, f32x4.div(sum, f32x4.splat(<f32>count)));
  }
}

/** Unit: a visual block. Second moment of its queries about the anchor of its group. */
export function spread(job: usize, block: i32, scratch: usize): void {
  const row = rowBytes(job);
  const valid = filled(job, block);
  const rows = rowsOf(job, L.QUERY, block * int(job, L.BLOCK_SIZE), valid, scratch);
  const about = at(job, L.ANCHOR) + <usize>(block / int(job, L.GROUP)) * row;
  const out = at(job, L.QUERY_SPREAD) + <usize>block * row;
  const bytes = <usize>valid * row;
  const share = f32x4.splat(1 / <f32>valid);
  for (let x: usize = 0; x < row; x += 32) {
    const m = v128.load(about + x);
    const n = v128.load(about + x, 16);
    let a = f32x4.splat(0), b = f32x4.splat(0);
    for (let p = rows + x, end = p + bytes; p < end; p += row) {
      const u = f32x4.sub(v128.load(p), m);
      const v = f32x4.sub(v128.load(p, 16), n);
      a = f32x4.add(a, f32x4.mul(u, u));
      b = f32x4.add(b, f32x4.mul(v, v));
    }
    v128.store(out + x, f32x4.mul(a, share));
    v128.store(out + x, f32x4.mul(b, share), 16);
  }
}
