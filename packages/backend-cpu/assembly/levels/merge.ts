import { exp2, LOG2E, madd, sum4, sums4 } from "../math";
import { logs } from "./leaf";

/*
 * Summaries of pairs of neighbouring nodes (levels.md section 2). With z = s a.k~ the difference of the log-masses gives
 * the weights, and the tangent of the sum is m = max(0, x) + log(1 + e^-|x|) + m_0 - w_1 (z_1 - z_0) with
 * x = m_1 - m_0 + z_1 - z_0, which keeps its digits however large z is.
 */

/** Weights w_1 of up to four pairs, and their masses; `keys` are eight rows, `masses` eight numbers. */
export function weighPairs(anchor: usize, keys: usize, masses: usize, scale: f32, row: usize, weights: usize, out: usize): void {
  const gap = f32x4.mul(f32x4.splat(scale), gaps(anchor, keys, row));
  const a = v128.load(masses), b = v128.load(masses, 16);
  const m0 = i32x4.shuffle(a, b, 0, 2, 4, 6), m1 = i32x4.shuffle(a, b, 1, 3, 5, 7);
  const x = f32x4.add(f32x4.sub(m1, m0), gap);
  const one = f32x4.splat(1), none = f32x4.splat(-Infinity);
  const small = exp2(f32x4.mul(f32x4.splat(-LOG2E), f32x4.abs(x)));
  const share = f32x4.div(one, f32x4.add(one, small));
  const ahead = f32x4.gt(x, f32x4.splat(0));
  let w = v128.bitselect(share, f32x4.mul(small, share), ahead);
  let m = f32x4.add(f32x4.add(m0, f32x4.pmax(x, f32x4.splat(0))), logs(f32x4.add(one, small)));
  m = f32x4.sub(m, f32x4.mul(w, gap));
  // A child without tokens weighs nothing; without the second, or both, what is left is the first.
  const noFirst = f32x4.eq(m0, none), noSecond = f32x4.eq(m1, none);
  w = v128.bitselect(one, w, noFirst);
  m = v128.bitselect(m1, m, noFirst);
  w = v128.bitselect(f32x4.splat(0), w, noSecond);
  m = v128.bitselect(m0, m, noSecond);
  v128.store(weights, w);
  v128.store(out, m);
}

/** a . (second - first) of four pairs of rows. */
function gaps(a: usize, p: usize, row: usize): v128 {
  let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0);
  const r2 = row * 2, r4 = row * 4, r6 = row * 6;
  for (const end = a + row; a < end; a += 16, p += 16) {
    const w = v128.load(a);
    s0 = madd(w, f32x4.sub(v128.load(p + row), v128.load(p)), s0);
    const q = p + r2;
    s1 = madd(w, f32x4.sub(v128.load(q + row), v128.load(q)), s1);
    const r = p + r4;
    s2 = madd(w, f32x4.sub(v128.load(r + row), v128.load(r)), s2);
    const t = p + r6;
    s3 = madd(w, f32x4.sub(v128.load(t + row), v128.load(t)), s3);
  }
  return sums4(s0, s1, s2, s3);
}

/** Key and spread of a pair: k = w_0 k_0 + w_1 k_1, kappa = w_0 kappa_0 + w_1 kappa_1 + w_0 w_1 (k_1 - k_0)^2. */
export function mergeKeys(keys: usize, spreads: usize, w1: f32, key: usize, spread: usize, row: usize): void {
  const a = f32x4.splat(1 - w1), b = f32x4.splat(w1), ab = f32x4.splat(w1 * (1 - w1));
  for (const end = key + row; key < end; key += 16, spread += 16, keys += 16, spreads += 16) {
    const p = v128.load(keys), q = v128.load(keys + row);
    v128.store(key, madd(b, q, f32x4.mul(a, p)));
    const e = f32x4.sub(q, p);
    const own = madd(b, v128.load(spreads + row), f32x4.mul(a, v128.load(spreads)));
    v128.store(spread, madd(ab, f32x4.mul(e, e), own));
  }
}

/** Value of a pair; its squared length at `square`; returns the squared distance of the two. */
export function mergeValues(values: usize, w1: f32, value: usize, square: usize, row: usize): f32 {
  const a = f32x4.splat(1 - w1), b = f32x4.splat(w1);
  let distance = f32x4.splat(0), other = f32x4.splat(0), length = f32x4.splat(0), rest = f32x4.splat(0);
  for (const end = value + row; value < end; value += 32, values += 32) {
    const p = v128.load(values), q = v128.load(values + row);
    const v = madd(b, q, f32x4.mul(a, p));
    v128.store(value, v);
    length = madd(v, v, length);
    const e = f32x4.sub(q, p);
    distance = madd(e, e, distance);
    const r = v128.load(values, 16), t = v128.load(values + row, 16);
    const u = madd(b, t, f32x4.mul(a, r));
    v128.store(value, u, 16);
    rest = madd(u, u, rest);
    const f = f32x4.sub(t, r);
    other = madd(f, f, other);
  }
  store<f32>(square, sum4(f32x4.add(length, rest)));
  return sum4(f32x4.add(distance, other));
}

/** 16 projected channels of a pair. */
export function mergeProjected(from: usize, w1: f32, to: usize): void {
  const a = f32x4.splat(1 - w1), b = f32x4.splat(w1);
  for (let x: usize = 0; x < 64; x += 16)
    v128.store(to + x, madd(b, v128.load(from + 64 + x), f32x4.mul(a, v128.load(from + x))));
}
