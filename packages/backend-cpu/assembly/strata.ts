import * as L from "../src/job-layout";
import { rowsOf } from "./convert";
import { at, copy, fill, filled, int, rowBytes } from "./job";
import { madd } from "./math";
import { addAll, addListed, addMoment, dot, normalise, orient, project, scaleRow, wave } from "./rows";
import { ordered } from "./select";

/** Unit: a visual block. Its slot order, so that each run of blockSize / c slots is compact (beyond.md section 3). */
export function strata(job: usize, block: i32, scratch: usize): void {
  const size = int(job, L.BLOCK_SIZE);
  const row = rowBytes(job);
  const valid = filled(job, block);
  const first = block * size;
  const order = at(job, L.ORDER) + (<usize>first << 2);
  for (let slot = 0; slot < size; slot++) store<i32>(order + (<usize>slot << 2), first + slot);
  const kind = int(job, L.STRATA_KIND);
  if (kind == 2) return;
  const keys = scratch;
  const work = keys + <usize>size * row;
  const pointers = work + row * 4;
  const projections = pointers + 512;
  centre(rowsOf(job, L.KEY, first, valid, keys), keys, valid, work, row);
  fill(work, row, 0);
  let level = 0;
  const parts = int(job, L.STRATA_PER_BLOCK);
  for (let length = size; length > size / parts; length >>= 1, level++)
    for (let start = 0; start < size; start += length) {
      const count = min(length, valid - start);
      // Half a list or less stays where it is: padding comes last.
      if (count <= length >> 1) continue;
      const list = order + (<usize>start << 2);
      const padded = (count + 7) & ~7;
      for (let r = 0; r < padded; r++) {
        // The row of zeros at `work` completes the last eight.
        const token = r < count ? load<i32>(list + (<usize>r << 2)) - first : 0;
        store<u32>(pointers + (<usize>r << 2), <u32>(r < count ? keys + <usize>token * row : work));
      }
      if (kind == 0) principalAxis(pointers, count, level > 0, work, row, int(job, L.POWER_STEPS));
      const axis = kind == 0 ? work + row : at(job, L.EIGEN_AXES) + <usize>level * row;
      project(pointers, padded, axis, row, projections);
      split(list, length, count, projections);
    }
}

/** to = rows about their mean; the two may be the same. Row by row: columns of a block share few cache sets. */
export function centre(from: usize, to: usize, count: i32, mean: usize, row: usize): void {
  fill(mean, row, 0);
  addAll(from, count, row, mean);
  scaleRow(mean, 1 / <f32>count, row);
  for (let r = 0; r < count; r++)
    for (let m = mean, end = mean + row; m < end; m += 64, from += 64, to += 64) {
      v128.store(to, f32x4.sub(v128.load(from), v128.load(m)));
      v128.store(to, f32x4.sub(v128.load(from, 16), v128.load(m, 16)), 16);
      v128.store(to, f32x4.sub(v128.load(from, 32), v128.load(m, 32)), 32);
      v128.store(to, f32x4.sub(v128.load(from, 48), v128.load(m, 48)), 48);
    }
}

/**
 * Power iteration w <- X^T (X w) from a fixed start on the rows about their mean; leaves w at `work` + one row.
 *
 * The rows stay as they are, about the mean of the block: with mean u, X^T X w = sum y (row - u), y = w . row - w . u.
 */
export function principalAxis(pointers: usize, count: i32, part: bool, work: usize, row: usize, steps: i32): void {
  const w = work + row;
  const next = work + row * 2;
  const mean = work + row * 3;
  const padded = (count + 7) & ~7;
  fill(mean, row, 0);
  // The block as a whole has none left.
  if (part) {
    addListed(pointers, padded, row, mean);
    scaleRow(mean, 1 / <f32>count, row);
  }
  wave(w, row);
  for (let step = 0; step < steps; step++) {
    fill(next, row, 0);
    const shift = dot(w, mean, row);
    const sum = addMoment(pointers, padded, w, shift, row, next);
    // Rows of zeros took part in the sum with -shift each.
    const rest = f32x4.splat(-(sum + <f32>(padded - count) * shift));
    for (let x: usize = 0; x < row; x += 16)
      v128.store(next + x, madd(rest, v128.load(mean + x), v128.load(next + x)));
    normalise(next, row);
    copy(w, next, row);
  }
  orient(w, row);
}

/**
 * The half of the list with the smaller projections comes first (ties: lower token), both halves in token order.
 * No sort: the projection at the cut is found by bisection over the ordered bits.
 */
export function split(list: usize, length: i32, count: i32, values: usize): void {
  const half = length >> 1;
  const upper = values + 512;
  for (let r = 0; r < count; r++) {
    const at = values + (<usize>r << 2);
    store<i32>(at, ordered(load<i32>(at)));
  }
  for (let r = count; r < ((count + 3) & ~3); r++) store<i32>(values + (<usize>r << 2), i32.MAX_VALUE);
  let low: i64 = i32.MIN_VALUE;
  let high: i64 = i32.MAX_VALUE;
  // The smallest bound with at least `half` projections at or below it.
  while (low < high) {
    const middle = (low + high) >> 1;
    if (atMost(values, count, <i32>middle) >= half) high = middle;
    else low = middle + 1;
  }
  const cut = <i32>low;
  let ties = half - below(values, count, cut);
  let lower = list;
  let rest = upper;
  for (let r = 0; r < count; r++) {
    const y = load<i32>(values + (<usize>r << 2));
    const token = load<i32>(list + (<usize>r << 2));
    const tied = y == cut && ties > 0;
    if (tied) ties--;
    if (y < cut || tied) {
      store<i32>(lower, token);
      lower += 4;
    } else {
      store<i32>(rest, token);
      rest += 4;
    }
  }
  memory.copy(list + (<usize>half << 2), upper, rest - upper);
}

function atMost(values: usize, count: i32, bound: i32): i32 {
  const limit = i32x4.splat(bound);
  let sum = i32x4.splat(0);
  for (const end = values + (<usize>count << 2); values < end; values += 16)
    sum = i32x4.sub(sum, i32x4.le_s(v128.load(values), limit));
  return total(sum);
}

function below(values: usize, count: i32, bound: i32): i32 {
  const limit = i32x4.splat(bound);
  let sum = i32x4.splat(0);
  for (const end = values + (<usize>count << 2); values < end; values += 16)
    sum = i32x4.sub(sum, i32x4.lt_s(v128.load(values), limit));
  return total(sum);
}

@inline function total(v: v128): i32 {
  return i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + i32x4.extract_lane(v, 2) + i32x4.extract_lane(v, 3);
}
