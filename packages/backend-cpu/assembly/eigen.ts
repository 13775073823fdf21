import * as L from "../src/job-layout";
import { rowsOf } from "./convert";
import { at, copy, int, rowBytes } from "./job";

/*
 * The second direction is what is left after the first is taken out, so rounding errors grow by the ratio of the
 * eigenvalues at every step: sums and vectors are kept in f64, two lanes at a time.
 */

/** Unit: the head. Two directions shared by all blocks (docs/tail.md#strata, strata "eigen"). */
export function eigen(job: usize, scratch: usize): void {
  const row = rowBytes(job);
  const N = int(job, L.VISUAL);
  const stride = max(1, N / 8192);
  const samples = (N + stride - 1) / stride;
  const queries = at(job, L.EIGEN_SAMPLES);
  const keys = queries + <usize>samples * row;
  sample(job, stride, samples, queries, keys, scratch);
  const wide = row * 2;
  const first = scratch;
  const second = first + wide;
  const a = second + wide;
  wave(first, wide, false);
  wave(second, wide, true);
  for (let step = 0; step < 8; step++) {
    moment(keys, samples, first, a, row);
    moment(queries, samples, a, first, row);
    normalise(first, wide);
    moment(keys, samples, second, a, row);
    moment(queries, samples, a, second, row);
    // second := second - (first' W second) / (first' W first) first
    moment(keys, samples, first, a, row);
    const share = inner(a, second, wide) / inner(a, first, wide);
    for (let x: usize = 0; x < wide; x += 8) store<f64>(second + x, load<f64>(second + x) - share * load<f64>(first + x));
    normalise(second, wide);
  }
  finish(first, at(job, L.EIGEN_AXES), wide);
  finish(second, at(job, L.EIGEN_AXES) + row, wide);
}

/** The start of the iteration: cos(0), cos(1), ... or sin(0), sin(1), ... by their recurrence. */
function wave(w: usize, wide: usize, sine: bool): void {
  const twice = 2 * 0.54030230586813971740;
  let before = sine ? -0.84147098480789650665 : 0.54030230586813971740;
  let now: f64 = sine ? 0 : 1;
  for (let x: usize = 0; x < wide; x += 8) {
    store<f64>(w + x, now);
    const next = twice * now - before;
    before = now;
    now = next;
  }
}

function inner(a: usize, b: usize, wide: usize): f64 {
  let sum: f64 = 0;
  for (const end = a + wide; a < end; a += 8, b += 8) sum += load<f64>(a) * load<f64>(b);
  return sum;
}

function normalise(w: usize, wide: usize): void {
  const scale = 1 / Math.max(Math.sqrt(inner(w, w, wide)), 1e-30);
  for (const end = w + wide; w < end; w += 8) store<f64>(w, load<f64>(w) * scale);
}

/** Writes the direction as f32, signed so that its component of largest magnitude, the first of equals, is not negative. */
function finish(w: usize, out: usize, wide: usize): void {
  let top: f64 = 0;
  for (let x: usize = 0; x < wide; x += 8) if (abs(load<f64>(w + x)) > abs(top)) top = load<f64>(w + x);
  const sign: f64 = top < 0 ? -1 : 1;
  for (let x: usize = 0; x < wide; x += 8) store<f32>(out + (x >> 1), <f32>(sign * load<f64>(w + x)));
}

/** Every `stride`-th query, and key about the mean of its block. */
function sample(job: usize, stride: i32, samples: i32, queries: usize, keys: usize, scratch: usize): void {
  const row = rowBytes(job);
  const size = int(job, L.BLOCK_SIZE);
  for (let r = 0; r < samples; r++) {
    const token = r * stride;
    const to = <usize>r * row;
    copy(queries + to, rowsOf(job, L.QUERY, token, 1, scratch), row);
    const key = rowsOf(job, L.KEY, token, 1, scratch);
    const mean = at(job, L.KEY_MEAN) + <usize>(token / size) * row;
    for (let x: usize = 0; x < row; x += 16)
      v128.store(keys + to + x, f32x4.sub(v128.load(key + x), v128.load(mean + x)));
  }
}

/** out = mean of (x . w) x over contiguous f32 rows; w and out are f64. */
function moment(rows: usize, count: i32, w: usize, out: usize, row: usize): void {
  memory.fill(out, 0, row * 2);
  const share = 1 / <f64>count;
  for (const end = rows + <usize>count * row; rows < end; rows += row) {
    let even = f64x2.splat(0);
    let odd = f64x2.splat(0);
    for (let x: usize = 0; x < row; x += 16) {
      const at = w + x * 2;
      even = f64x2.add(even, f64x2.mul(low(rows + x), v128.load(at)));
      odd = f64x2.add(odd, f64x2.mul(low(rows + x + 8), v128.load(at, 16)));
    }
    const sum = f64x2.add(even, odd);
    const y = f64x2.splat((f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1)) * share);
    for (let x: usize = 0; x < row; x += 16) {
      const at = out + x * 2;
      v128.store(at, f64x2.add(v128.load(at), f64x2.mul(y, low(rows + x))));
      v128.store(at, f64x2.add(v128.load(at, 16), f64x2.mul(y, low(rows + x + 8))), 16);
    }
  }
}

/** Two f32 from `from` on as f64. */
@inline function low(from: usize): v128 {
  return f64x2.promote_low_f32x4(v128.load64_zero(from));
}
