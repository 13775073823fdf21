import * as L from "../src/job-layout";
import { rowsOf } from "./convert";
import { at, copy, fill, filled, int, rowBytes } from "./job";
import { addMoment, dot, normalise, orient, wave } from "./rows";

/** Unit: a visual block. Its slot order, so that each run of blockSize / c slots is compact (beyond.md section 3). */
export function strata(job: usize, block: i32, scratch: usize): void {
  const size = int(job, L.BLOCK_SIZE);
  const row = rowBytes(job);
  const valid = filled(job, block);
  const order = at(job, L.ORDER) + (<usize>(block * size) << 2);
  for (let slot = 0; slot < size; slot++) store<i32>(order + (<usize>slot << 2), block * size + slot);
  const kind = int(job, L.STRATA_KIND);
  if (kind == 2) return;
  // A private copy of the keys: every list of rows is centred in place.
  const keys = scratch;
  const source = rowsOf(job, L.KEY, block * size, valid, keys);
  if (source != keys) copy(keys, source, <usize>valid * row);
  const work = keys + <usize>size * row;
  fill(work, row, 0);
  let level = 0;
  const parts = int(job, L.STRATA_PER_BLOCK);
  for (let length = size; length > size / parts; length >>= 1, level++)
    for (let start = 0; start < size; start += length) {
      const count = min(length, valid - start);
      // Half a list or less stays where it is: padding comes last.
      if (count <= length >> 1) continue;
      const list = order + (<usize>start << 2);
      if (kind == 0) principalAxis(job, list, count, keys, block * size, work, row);
      const axis = kind == 0 ? work + row : at(job, L.EIGEN_AXES) + <usize>level * row;
      split(list, length, count, axis, keys, block * size, work + row * 4, row);
    }
}

/** Power iteration w <- X^T (X w) from a fixed start on the rows about their mean; leaves w at `work` + one row. */
function principalAxis(job: usize, list: usize, count: i32, keys: usize, first: i32, work: usize, row: usize): void {
  const w = work + row;
  const next = work + row * 2;
  const pointers = work + row * 4;
  const padded = (count + 3) & ~3;
  for (let r = 0; r < padded; r++) {
    const token = r < count ? load<i32>(list + (<usize>r << 2)) - first : 0;
    // The row of zeros at `work` completes the last four.
    store<u32>(pointers + (<usize>r << 2), r < count ? <u32>(keys + <usize>token * row) : <u32>work);
  }
  centre(pointers, count, next, row);
  wave(w, row);
  const steps = int(job, L.POWER_STEPS);
  for (let step = 0; step < steps; step++) {
    fill(next, row, 0);
    addMoment(pointers, padded, w, row, next);
    normalise(next, row);
    copy(w, next, row);
  }
  orient(w, row);
}

/** Subtracts the mean of the rows from each of them. */
function centre(pointers: usize, count: i32, mean: usize, row: usize): void {
  const end = pointers + (<usize>count << 2);
  const share = f32x4.splat(1 / <f32>count);
  for (let x: usize = 0; x < row; x += 32) {
    let a = f32x4.splat(0), b = f32x4.splat(0);
    for (let p = pointers; p < end; p += 4) {
      const at = <usize>load<u32>(p) + x;
      a = f32x4.add(a, v128.load(at));
      b = f32x4.add(b, v128.load(at, 16));
    }
    a = f32x4.mul(a, share);
    b = f32x4.mul(b, share);
    for (let p = pointers; p < end; p += 4) {
      const at = <usize>load<u32>(p) + x;
      v128.store(at, f32x4.sub(v128.load(at), a));
      v128.store(at, f32x4.sub(v128.load(at, 16), b), 16);
    }
  }
}

/** The bits of a float as an integer that orders like it. */
@inline function ordered(bits: i32): i32 {
  return bits ^ ((bits >> 31) & 0x7fffffff);
}

/**
 * The half of the list with the smaller projections comes first (ties: lower token), both halves in token order.
 * No sort: the projection at the cut is found by bisection over the ordered bits.
 */
function split(list: usize, length: i32, count: i32, axis: usize, keys: usize, first: i32, work: usize, row: usize): void {
  const half = length >> 1;
  const upper = work + 512;
  for (let r = 0; r < count; r++) {
    const token = load<i32>(list + (<usize>r << 2)) - first;
    const y = dot(axis, keys + <usize>token * row, row);
    store<i32>(work + (<usize>r << 2), ordered(reinterpret<i32>(y)));
  }
  for (let r = count; r < ((count + 3) & ~3); r++) store<i32>(work + (<usize>r << 2), i32.MAX_VALUE);
  let low: i64 = i32.MIN_VALUE;
  let high: i64 = i32.MAX_VALUE;
  // The smallest bound with at least `half` projections at or below it.
  while (low < high) {
    const middle = (low + high) >> 1;
    if (atMost(work, count, <i32>middle) >= half) high = middle;
    else low = middle + 1;
  }
  const cut = <i32>low;
  let ties = half - below(work, count, cut);
  let lower = list;
  let rest = upper;
  for (let r = 0; r < count; r++) {
    const y = load<i32>(work + (<usize>r << 2));
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
