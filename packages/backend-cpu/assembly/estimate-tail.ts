import * as L from "../src/job-layout";
import { exponentials, largest, pad } from "./estimate-paper";
import { at, fill, float, int, rowBytes } from "./job";
import { exp2, log, LOG2E, LOWEST, sums4 } from "./math";
import { addRows, dots } from "./rows";
import { ordered, selectRow } from "./select";
import { addTextValues, textLogits } from "./text";

/** Unit: a query block. Bias of every stratum, block errors and selection (docs/tail.md#bias and docs/tail.md#selection). */
export function estimateTail(job: usize, row: i32, scratch: usize): void {
  const n = int(job, L.VISUAL_BLOCKS);
  const parts = int(job, L.STRATA_PER_BLOCK);
  const count = n * parts;
  const text = int(job, L.TEXT_VALID);
  const bytes = rowBytes(job);
  const group = row / int(job, L.GROUP) - int(job, L.GROUP_FIRST);
  const line = <usize>((count + 8) & ~3) << 2;
  const short = <usize>((n + 8) & ~3) << 2;
  const w = scratch;
  const tau = w + line;
  const levels = tau + line;
  const errors = levels + line;
  const masses = errors + short;
  const keys = masses + short;
  const y = keys + short;
  const mean = y + (<usize>((text + 31) & ~15) << 2);
  const marks = mean + bytes;
  const query = at(job, L.QUERY_MEAN) + <usize>row * bytes;
  const bias = at(job, L.BIAS) + (<usize>(row * count) << 2);

  logits(job, row, group, w, tau, bias);
  textLogits(job, query, y);
  const textMass = softmax(w, count, y, text, levels);
  const values = at(job, L.STRATA_VALUE) + <usize>(group * count) * bytes;
  fill(mean, bytes, 0);
  addTextValues(job, y, mean);
  addRows(w, values, count, bytes, mean);
  blockErrors(job, group, w, tau, mean, values, errors, masses, levels);
  blockKeys(levels, n, parts, keys);

  keep(at(job, L.BLOCK_ERROR), row, errors, n);
  keep(at(job, L.BLOCK_MASS), row, masses, n);
  keep(at(job, L.LOGIT_VARIANCE), row, tau, count);
  keep(at(job, L.STRATA_BIAS), row, bias, count);

  // The query block's own key block comes first.
  if (!int(job, L.RANKED)) memory.fill(keys, 0, short);
  store<i32>(keys + (<usize>row << 2), i32.MAX_VALUE);
  selectRow(job, row, n, keys, masses, textMass, marks);
  for (let j = 0; j < n; j++) {
    if (!load<u8>(marks + <usize>j)) continue;
    for (let u = j * parts; u < (j + 1) * parts; u++) store<f32>(bias + (<usize>u << 2), -Infinity);
  }
}

/** Logits x with the uncapped shift, the logit variances tau and the bias with the capped shift. */
function logits(job: usize, row: i32, group: i32, w: usize, tau: usize, bias: usize): void {
  const bytes = rowBytes(job);
  const count = int(job, L.VISUAL_BLOCKS) * int(job, L.STRATA_PER_BLOCK);
  const first = group * count;
  const offset = <usize>first * bytes;
  dots(at(job, L.QUERY_MEAN) + <usize>row * bytes, at(job, L.STRATA_KEY) + offset, count, bytes, w);
  dots(at(job, L.QUERY_SPREAD) + <usize>row * bytes, at(job, L.STRATA_SPREAD) + offset, count, bytes, tau);
  const scale = f32x4.splat(float(job, L.SCALE));
  const square = f32x4.mul(scale, scale);
  const hMax = f32x4.splat(float(job, L.H_MAX));
  const mMin = f32x4.splat(float(job, L.M_MIN));
  const two = f32x4.splat(2);
  const mass = at(job, L.STRATA_MASS) + (<usize>first << 2);
  const end = <usize>count << 2;
  for (let x: usize = 0; x < end; x += 16) {
    // A row of logits may end inside a vector; what is read and written past it is never used.
    const m = v128.load(mass + x);
    const t = f32x4.mul(square, v128.load(tau + x));
    const floor = f32x4.pmax(m, mMin);
    const linear = f32x4.sub(f32x4.sqrt(f32x4.mul(f32x4.mul(two, floor), t)), floor);
    const shift = v128.bitselect(f32x4.mul(t, f32x4.splat(0.5)), linear, f32x4.le(t, f32x4.mul(two, floor)));
    v128.store(tau + x, t);
    v128.store(w + x, f32x4.add(f32x4.add(f32x4.mul(scale, v128.load(w + x)), m), shift));
    storeSome(bias + x, f32x4.add(m, f32x4.pmin(shift, hMax)), end - x);
  }
}

/** Stores as many lanes as `bytes` leaves room for: the next row of biases belongs to another thread. */
@inline function storeSome(to: usize, v: v128, bytes: usize): void {
  if (bytes >= 16) {
    v128.store(to, v);
    return;
  }
  store<f32>(to, f32x4.extract_lane(v, 0));
  if (bytes > 4) store<f32>(to, f32x4.extract_lane(v, 1), 4);
  if (bytes > 8) store<f32>(to, f32x4.extract_lane(v, 2), 8);
}

/** One softmax over strata and text, in place; returns the mass of the text. The logits below the top one go to `levels`. */
function softmax(w: usize, count: i32, y: usize, text: i32, levels: usize): f32 {
  pad(w, count);
  pad(y, text);
  const top = max(largest(w, count), largest(y, text));
  for (let x: usize = 0, end = <usize>count << 2; x < end; x += 16)
    v128.store(levels + x, f32x4.sub(v128.load(w + x), f32x4.splat(top)));
  const visual = exponentials(w, count, top);
  const written = exponentials(y, text, top);
  scaleBy(w, count, 1 / (visual + written));
  scaleBy(y, text, 1 / (visual + written));
  return written / (visual + written);
}

function scaleBy(values: usize, count: i32, factor: f32): void {
  const f = f32x4.splat(factor);
  for (const end = values + (<usize>count << 2); values < end; values += 16)
    v128.store(values, f32x4.mul(v128.load(values), f));
}

/** E and W of every block: squared error of summarising it, and its mass (docs/tail.md#selection). */
function blockErrors(
  job: usize,
  group: i32,
  w: usize,
  tau: usize,
  mean: usize,
  values: usize,
  errors: usize,
  masses: usize,
  levels: usize,
): void {
  const n = int(job, L.VISUAL_BLOCKS);
  const parts = int(job, L.STRATA_PER_BLOCK);
  const bytes = rowBytes(job);
  const cap = f32x4.splat(float(job, L.TAU_MAX));
  const noise = at(job, L.STRATA_NOISE) + (<usize>(group * n * parts) << 2);
  fill(errors, <usize>((n + 3) & ~3) << 2, 0);
  fill(masses, <usize>((n + 3) & ~3) << 2, 0);
  const count = n * parts;
  for (let u = 0; u < count; u += 4) {
    const x = <usize>u << 2;
    const t = f32x4.pmin(v128.load(tau + x), cap);
    const weight = v128.load(w + x);
    const distance = distances(mean, values + <usize>u * bytes, bytes);
    const quarter = f32x4.mul(f32x4.mul(t, t), f32x4.splat(0.25));
    const harm = f32x4.add(f32x4.mul(t, v128.load(noise + x)), f32x4.mul(quarter, distance));
    const e = f32x4.mul(f32x4.mul(weight, weight), harm);
    raise(levels + x, f32x4.extract_lane(harm, 0));
    raise(levels + x + 4, f32x4.extract_lane(harm, 1));
    raise(levels + x + 8, f32x4.extract_lane(harm, 2));
    raise(levels + x + 12, f32x4.extract_lane(harm, 3));
    addLane(errors, masses, u, parts, count, f32x4.extract_lane(e, 0), f32x4.extract_lane(weight, 0));
    addLane(errors, masses, u + 1, parts, count, f32x4.extract_lane(e, 1), f32x4.extract_lane(weight, 1));
    addLane(errors, masses, u + 2, parts, count, f32x4.extract_lane(e, 2), f32x4.extract_lane(weight, 2));
    addLane(errors, masses, u + 3, parts, count, f32x4.extract_lane(e, 3), f32x4.extract_lane(weight, 3));
  }
}

/** Level of a stratum: log of its weight, up to a constant of the row, becomes log of the square root of its error. */
@inline function raise(level: usize, harm: f32): void {
  const half: f32 = harm > 1e-37 ? <f32>(0.5 * log(<f64>harm)) : LOWEST;
  store<f32>(level, max(load<f32>(level) + half, LOWEST));
}

/**
 * Ranking keys: log sqrt E of every block up to a constant of the row. The errors themselves hold squared weights,
 * most of which vanish in f32 on peaked rows (docs/tail.md#edge-cases, no. 10).
 */
function blockKeys(levels: usize, n: i32, parts: i32, keys: usize): void {
  for (let j = 0; j < n; j++) {
    const first = levels + (<usize>(j * parts) << 2);
    const end = first + (<usize>parts << 2);
    let top: f32 = LOWEST;
    for (let p = first; p < end; p += 4) top = max(top, load<f32>(p));
    let sum: f32 = 0;
    for (let p = first; p < end; p += 4)
      sum += f32x4.extract_lane(exp2(f32x4.splat(2 * LOG2E * (load<f32>(p) - top))), 0);
    const key: f32 = top > LOWEST ? top + <f32>(0.5 * log(<f64>sum)) : LOWEST;
    store<i32>(keys + (<usize>j << 2), ordered(reinterpret<i32>(key)));
  }
}

@inline function addLane(errors: usize, masses: usize, u: i32, parts: i32, count: i32, e: f32, w: f32): void {
  if (u >= count) return;
  const x = <usize>(u / parts) << 2;
  store<f32>(errors + x, load<f32>(errors + x) + e);
  store<f32>(masses + x, load<f32>(masses + x) + w);
}

/** Squared distances of four rows from `mean`. */
@inline function distances(mean: usize, p: usize, row: usize): v128 {
  const q = p + row, r = q + row, t = r + row;
  let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0);
  for (let x: usize = 0; x < row; x += 16) {
    const m = v128.load(mean + x);
    const a = f32x4.sub(v128.load(p + x), m), b = f32x4.sub(v128.load(q + x), m);
    const c = f32x4.sub(v128.load(r + x), m), d = f32x4.sub(v128.load(t + x), m);
    s0 = f32x4.add(s0, f32x4.mul(a, a));
    s1 = f32x4.add(s1, f32x4.mul(b, b));
    s2 = f32x4.add(s2, f32x4.mul(c, c));
    s3 = f32x4.add(s3, f32x4.mul(d, d));
  }
  return sums4(s0, s1, s2, s3);
}

function keep(target: usize, row: i32, from: usize, length: i32): void {
  if (target != 0) memory.copy(target + (<usize>(row * length) << 2), from, <usize>length << 2);
}
