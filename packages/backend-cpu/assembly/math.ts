export const LOG2E: f32 = 1.44269504088896341;
export const LN2: f64 = 0.693147180559945309;
/** Below every logit that occurs, and finite, so that differences stay numbers. */
export const LOWEST: f32 = -1e30;

/** a * b + c; one rounding in the relaxed build, two otherwise. */
@inline export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(c, f32x4.mul(a, b));
}

/**
 * 2^x, lanes below -100 as 2^-100: nothing beside 1, and products with it stay normal numbers (others are a hundred
 * times slower on some processors). Adding 1.5 * 2^23 rounds to the nearest integer, whose
 * bits then go straight into the exponent; the fraction in [-0.5, 0.5] takes a minimax polynomial (error below 2e-7).
 */
@inline export function exp2(x: v128): v128 {
  x = f32x4.pmax(x, f32x4.splat(-100));
  const t = f32x4.add(x, f32x4.splat(12582912));
  const r = f32x4.sub(x, f32x4.sub(t, f32x4.splat(12582912)));
  let p = f32x4.splat(0.00133988929);
  p = madd(p, r, f32x4.splat(0.00961803351));
  p = madd(p, r, f32x4.splat(0.0555032814));
  p = madd(p, r, f32x4.splat(0.240226462));
  p = madd(p, r, f32x4.splat(0.693147182));
  p = madd(p, r, f32x4.splat(1));
  return i32x4.add(p, i32x4.shl(t, 23));
}

/** Natural logarithm of a positive normal number; the series of atanh about a mantissa in [sqrt 1/2, sqrt 2). */
export function log(x: f64): f64 {
  const bits = reinterpret<i64>(x);
  let exponent = <i32>(bits >> 52) - 1023;
  let m = reinterpret<f64>((bits & 0x000fffffffffffff) | 0x3ff0000000000000);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    exponent += 1;
  }
  const z = (m - 1) / (m + 1);
  const w = z * z;
  const series = 1 + w * (1 / 3.0 + w * (1 / 5.0 + w * (1 / 7.0 + w * (1 / 9.0 + w * (1 / 11.0 + w / 13.0)))));
  return 2 * z * series + LN2 * <f64>exponent;
}

@inline export function sum4(v: v128): f32 {
  v = f32x4.add(v, i32x4.shuffle(v, v, 2, 3, 0, 1));
  v = f32x4.add(v, i32x4.shuffle(v, v, 1, 0, 3, 2));
  return f32x4.extract_lane(v, 0);
}

/** Largest lane in every lane. */
@inline export function top4(v: v128): v128 {
  v = f32x4.pmax(v, i32x4.shuffle(v, v, 2, 3, 0, 1));
  return f32x4.pmax(v, i32x4.shuffle(v, v, 1, 0, 3, 2));
}

/** The sums of four vectors as one vector. */
@inline export function sums4(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(i32x4.shuffle(a, b, 0, 4, 1, 5), i32x4.shuffle(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(i32x4.shuffle(c, d, 0, 4, 1, 5), i32x4.shuffle(c, d, 2, 6, 3, 7));
  return f32x4.add(i32x4.shuffle(ab, cd, 0, 1, 4, 5), i32x4.shuffle(ab, cd, 2, 3, 6, 7));
}
