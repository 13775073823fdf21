import * as L from "../src/job-layout";
import { rowsOf } from "./convert";
import { at, fill, filled, float, int, rowBytes } from "./job";
import { exp2, log, LOG2E, LOWEST, madd, sum4, top4 } from "./math";
import { dotFour } from "./rows";

/** Unit: a visual block. Summarises its strata at every anchor that is held (beyond.md section 4). */
export function summarize(job: usize, block: i32, scratch: usize): void {
  const size = int(job, L.BLOCK_SIZE);
  const row = rowBytes(job);
  const valid = filled(job, block);
  const keys = rowsOf(job, L.KEY, block * size, valid, scratch);
  const values = rowsOf(job, L.VALUE, block * size, valid, scratch + <usize>size * row);
  const order = at(job, L.ORDER) + (<usize>(block * size) << 2);
  const work = scratch + <usize>size * row * 2;
  const parts = int(job, L.STRATA_PER_BLOCK);
  const length = size / parts;
  const groups = int(job, L.GROUP_COUNT);
  const n = int(job, L.VISUAL_BLOCKS);
  for (let part = 0; part < parts; part++) {
    const count = max(0, min(length, valid - part * length));
    offsets(order + (<usize>(part * length) << 2), count, block * size, row, work);
    for (let g = 0; g < groups; g++) {
      const anchor = at(job, L.ANCHOR) + <usize>(int(job, L.GROUP_FIRST) + g) * row;
      const stratum = (g * n + block) * parts + part;
      if (count == 0) empty(job, stratum, row);
      else summary(job, count, keys, values, anchor, stratum, work, row);
    }
  }
}

/** Byte offsets of the stratum's rows; the last one is repeated up to a multiple of 4. */
export function offsets(tokens: usize, count: i32, first: i32, row: usize, out: usize): void {
  for (let r = 0; r < ((count + 3) & ~3); r++) {
    const token = load<i32>(tokens + (<usize>min(r, count - 1) << 2)) - first;
    store<u32>(out + (<usize>r << 2), <u32>token * <u32>row);
  }
}

function empty(job: usize, stratum: i32, row: usize): void {
  const offset = <usize>stratum * row;
  fill(at(job, L.STRATA_KEY) + offset, row, 0);
  fill(at(job, L.STRATA_VALUE) + offset, row, 0);
  fill(at(job, L.STRATA_SPREAD) + offset, row, 0);
  store<f32>(at(job, L.STRATA_MASS) + (<usize>stratum << 2), -Infinity);
  store<f32>(at(job, L.STRATA_NOISE) + (<usize>stratum << 2), 0);
}

function summary(
  job: usize,
  count: i32,
  keys: usize,
  values: usize,
  anchor: usize,
  stratum: i32,
  rows: usize,
  row: usize,
): void {
  const weights = rows + 512;
  const mass = softmax(job, count, keys, anchor, rows, weights, row);
  const offset = <usize>stratum * row;
  const key = at(job, L.STRATA_KEY) + offset;
  const value = at(job, L.STRATA_VALUE) + offset;
  mean(keys, rows, count, weights, key, row);
  mean(values, rows, count, weights, value, row);
  secondMoments(keys, rows, count, weights, key, at(job, L.STRATA_SPREAD) + offset, row);
  const noise = secondMoments(values, rows, count, weights, value, 0, row);
  store<f32>(at(job, L.STRATA_NOISE) + (<usize>stratum << 2), noise);
  store<f32>(at(job, L.STRATA_MASS) + (<usize>stratum << 2), mass);
}

/**
 * p at `weights`; returns m = L - s a.k~ in the form log sum exp(z - top) - sum p (z - top), which keeps its digits
 * however large the logits are.
 */
export function softmax(job: usize, count: i32, keys: usize, anchor: usize, rows: usize, weights: usize, row: usize): f32 {
  const scale = f32x4.splat(float(job, L.SCALE));
  const padded = (count + 3) & ~3;
  let top = f32x4.splat(LOWEST);
  for (let r = 0; r < padded; r += 4) {
    const list = rows + (<usize>r << 2);
    const p = keys + <usize>load<u32>(list), q = keys + <usize>load<u32>(list, 4);
    const s = keys + <usize>load<u32>(list, 8), t = keys + <usize>load<u32>(list, 12);
    const z = f32x4.mul(scale, dotFour(anchor, p, q, s, t, row));
    v128.store(weights + (<usize>r << 2), z);
    top = f32x4.pmax(top, z);
  }
  for (let r = count; r < padded; r++) store<f32>(weights + (<usize>r << 2), LOWEST);
  top = top4(top);
  const base2 = f32x4.splat(LOG2E);
  let sum = f32x4.splat(0);
  let along = f32x4.splat(0);
  for (let r = 0; r < padded; r += 4) {
    const to = weights + (<usize>r << 2);
    // exp2 ends at e^-69; what lies below weighs nothing.
    const z = f32x4.pmax(f32x4.sub(v128.load(to), top), f32x4.splat(-80));
    const e = exp2(f32x4.mul(z, base2));
    v128.store(to, e);
    sum = f32x4.add(sum, e);
    along = madd(e, z, along);
  }
  const total = sum4(sum);
  const share = f32x4.splat(1 / total);
  for (let r = 0; r < padded; r += 4) {
    const to = weights + (<usize>r << 2);
    v128.store(to, f32x4.mul(v128.load(to), share));
  }
  return <f32>log(<f64>total) - sum4(along) / total;
}

/** out = sum p_r row_r */
export function mean(source: usize, rows: usize, count: i32, weights: usize, out: usize, row: usize): void {
  for (let x: usize = 0; x < row; x += 64) {
    let a = f32x4.splat(0), b = f32x4.splat(0), c = f32x4.splat(0), d = f32x4.splat(0);
    const base = source + x;
    for (let list = rows, w = weights, end = rows + (<usize>count << 2); list < end; list += 4, w += 4) {
      const p = v128.load32_splat(w);
      const from = base + <usize>load<u32>(list);
      a = madd(p, v128.load(from), a);
      b = madd(p, v128.load(from, 16), b);
      c = madd(p, v128.load(from, 32), c);
      d = madd(p, v128.load(from, 48), d);
    }
    v128.store(out + x, a);
    v128.store(out + x, b, 16);
    v128.store(out + x, c, 32);
    v128.store(out + x, d, 48);
  }
}

/** sum p_r (row_r - centre)^2, element by element at `out` unless that is 0; returns the sum over elements. */
export function secondMoments(source: usize, rows: usize, count: i32, weights: usize, centre: usize, out: usize, row: usize): f32 {
  let total = f32x4.splat(0);
  for (let x: usize = 0; x < row; x += 64) {
    const at = centre + x;
    const m = v128.load(at), n = v128.load(at, 16), o = v128.load(at, 32), q = v128.load(at, 48);
    let a = f32x4.splat(0), b = f32x4.splat(0), c = f32x4.splat(0), d = f32x4.splat(0);
    const base = source + x;
    for (let list = rows, w = weights, end = rows + (<usize>count << 2); list < end; list += 4, w += 4) {
      const p = v128.load32_splat(w);
      const from = base + <usize>load<u32>(list);
      let e = f32x4.sub(v128.load(from), m);
      a = madd(p, f32x4.mul(e, e), a);
      e = f32x4.sub(v128.load(from, 16), n);
      b = madd(p, f32x4.mul(e, e), b);
      e = f32x4.sub(v128.load(from, 32), o);
      c = madd(p, f32x4.mul(e, e), c);
      e = f32x4.sub(v128.load(from, 48), q);
      d = madd(p, f32x4.mul(e, e), d);
    }
    total = f32x4.add(total, f32x4.add(f32x4.add(a, b), f32x4.add(c, d)));
    if (out == 0) continue;
    v128.store(out + x, a);
    v128.store(out + x, b, 16);
    v128.store(out + x, c, 32);
    v128.store(out + x, d, 48);
  }
  return sum4(total);
}
