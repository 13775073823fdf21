import * as K from "../../src/network/kernels";
import { exp2, LOG2E, madd } from "../math";

/** e^x of four lanes; 0 below -87, infinity above 88.7, NaN stays. */
@inline export function exp4(x: v128): v128 {
  const y = f32x4.mul(x, f32x4.splat(LOG2E));
  // exp2 takes an integer part from -100; the rest is a second factor, so that the ends are exact enough.
  const near = f32x4.pmin(f32x4.splat(127.5), f32x4.pmax(f32x4.splat(-126), y));
  const result = exp2Whole(near);
  const tiny = f32x4.lt(y, f32x4.splat(-126));
  const huge = f32x4.gt(y, f32x4.splat(128));
  const bounded = v128.bitselect(f32x4.splat(Infinity), v128.andnot(result, tiny), huge);
  return v128.bitselect(bounded, x, f32x4.eq(x, x));
}

/** 2^x for x in [-126, 127.5]; as `exp2` of ../math, which stops at -100. */
@inline function exp2Whole(x: v128): v128 {
  const t = f32x4.add(x, f32x4.splat(12582912));
  const r = f32x4.sub(x, f32x4.sub(t, f32x4.splat(12582912)));
  let p = f32x4.splat(0.000154035304);
  p = madd(p, r, f32x4.splat(0.00133335581));
  p = madd(p, r, f32x4.splat(0.00961812910));
  p = madd(p, r, f32x4.splat(0.0555041087));
  p = madd(p, r, f32x4.splat(0.240226507));
  p = madd(p, r, f32x4.splat(0.693147181));
  p = madd(p, r, f32x4.splat(1));
  return i32x4.add(p, i32x4.shl(t, 23));
}

/** 1 / (1 + 2^-x); exactly 1 and 0 far out, NaN stays. */
@inline function logistic2(x: v128): v128 {
  const bounded = f32x4.max(f32x4.splat(-126), f32x4.min(f32x4.splat(126), x));
  return f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), exp2Whole(f32x4.neg(bounded))));
}

@inline function silu(x: v128, slope: f32): v128 {
  const y = f32x4.mul(x, logistic2(f32x4.mul(x, f32x4.splat(slope * LOG2E))));
  // Minus infinity times nothing is no number; the limit is nothing.
  return v128.andnot(y, f32x4.lt(x, f32x4.splat(-1e30)));
}

/** tanh: an odd polynomial near 0, where the quotient would lose digits. */
@inline function tanh4(x: v128): v128 {
  const far = f32x4.sub(f32x4.mul(f32x4.splat(2), logistic2(f32x4.mul(x, f32x4.splat(2 * LOG2E)))), f32x4.splat(1));
  const z = f32x4.mul(x, x);
  let p = f32x4.splat(0.00886323551);
  p = madd(p, z, f32x4.splat(-0.0218694885));
  p = madd(p, z, f32x4.splat(0.0539682540));
  p = madd(p, z, f32x4.splat(-0.133333333));
  p = madd(p, z, f32x4.splat(0.333333333));
  p = f32x4.neg(p);
  const near = madd(f32x4.mul(x, z), p, x);
  return v128.bitselect(near, far, f32x4.lt(f32x4.abs(x), f32x4.splat(0.3)));
}

/** 0.5 x (1 + tanh(u)) = x / (1 + e^(-2u)), u = sqrt(2 / pi) (x + 0.044715 x^3). */
@inline function geluTanh(x: v128): v128 {
  const z = f32x4.mul(x, x);
  const u = f32x4.mul(x, madd(z, f32x4.splat(2.302208198 * 0.044715), f32x4.splat(2.302208198)));
  const y = f32x4.mul(x, logistic2(u));
  return v128.andnot(y, f32x4.lt(x, f32x4.splat(-1e10)));
}

/**
 * 0.5 x (1 + erf(x / sqrt 2)). With y = |x| / sqrt 2: erf as its Taylor series below 1, and above it
 * erfc(y) = e^(-y^2) t P(t), t = 1 / (1 + y / 2) (coefficients: Numerical Recipes, erfc; error below 1.2e-7).
 */
@inline function geluErf(x: v128): v128 {
  const y = f32x4.mul(f32x4.abs(x), f32x4.splat(0.70710678118));
  const z = f32x4.mul(y, y);
  // 2 / sqrt(pi) (-1)^k / (k! (2k + 1)), k from 9 down to 0
  let n = f32x4.splat(-1.6365862e-7);
  n = madd(n, z, f32x4.splat(1.6462110e-6));
  n = madd(n, z, f32x4.splat(-1.4925650e-5));
  n = madd(n, z, f32x4.splat(1.2055333e-4));
  n = madd(n, z, f32x4.splat(-8.5483270e-4));
  n = madd(n, z, f32x4.splat(5.2239776e-3));
  n = madd(n, z, f32x4.splat(-2.6866170e-2));
  n = madd(n, z, f32x4.splat(1.1283792e-1));
  n = madd(n, z, f32x4.splat(-3.7612639e-1));
  n = madd(n, z, f32x4.splat(1.1283791671));
  const near = f32x4.mul(n, y);
  const t = f32x4.div(f32x4.splat(1), madd(y, f32x4.splat(0.5), f32x4.splat(1)));
  let p = f32x4.splat(0.17087277);
  p = madd(p, t, f32x4.splat(-0.82215223));
  p = madd(p, t, f32x4.splat(1.48851587));
  p = madd(p, t, f32x4.splat(-1.13520398));
  p = madd(p, t, f32x4.splat(0.27886807));
  p = madd(p, t, f32x4.splat(-0.18628806));
  p = madd(p, t, f32x4.splat(0.09678418));
  p = madd(p, t, f32x4.splat(0.37409196));
  p = madd(p, t, f32x4.splat(1.00002368));
  p = madd(p, t, f32x4.sub(f32x4.splat(-1.26551223), f32x4.min(z, f32x4.splat(100))));
  const erfc = f32x4.mul(t, exp4(p));
  const isNear = f32x4.lt(y, f32x4.splat(1));
  const below = v128.bitselect(f32x4.sub(f32x4.splat(1), near), erfc, isNear);
  // x < 0: x / 2 erfc(y), which keeps its digits; x > 0: x - x / 2 erfc(y).
  const half = f32x4.mul(f32x4.mul(f32x4.splat(0.5), x), below);
  const result = v128.bitselect(half, f32x4.sub(x, half), f32x4.lt(x, f32x4.splat(0)));
  const far = v128.bitselect(f32x4.splat(0), x, f32x4.lt(x, f32x4.splat(0)));
  return v128.bitselect(far, result, f32x4.gt(y, f32x4.splat(9)));
}

@inline function one(kind: i32, x: v128, a: v128, b: v128): v128 {
  switch (kind) {
    case K.GELU_TANH:
      return geluTanh(x);
    case K.GELU_ERF:
      return geluErf(x);
    case K.QUICK_GELU:
      return silu(x, 1.702);
    case K.SILU:
      return silu(x, 1);
    case K.RELU:
      return f32x4.max(x, f32x4.splat(0));
    case K.TANH:
      return tanh4(x);
    case K.AFFINE:
      return madd(x, a, b);
    case K.CLAMP:
      return f32x4.max(a, f32x4.min(b, x));
    case K.EXP:
      return exp4(x);
    case K.ABS:
      return f32x4.abs(x);
    case K.SQRT:
      return f32x4.sqrt(x);
    default:
      return x;
  }
}

@inline function loop(kind: i32, from: usize, to: usize, end: usize, a: v128, b: v128): void {
  for (; from < end; from += 16, to += 16) v128.store(to, one(kind, v128.load(from), a, b));
}

/** Applies `kind` to `count` numbers, a multiple of 4. `to` may be `from`. */
export function apply(kind: i32, from: usize, to: usize, count: i32, a: f32, b: f32): void {
  const end = from + (<usize>count << 2);
  const p = f32x4.splat(a), q = f32x4.splat(b);
  switch (kind) {
    case K.GELU_TANH:
      loop(K.GELU_TANH, from, to, end, p, q);
      break;
    case K.GELU_ERF:
      loop(K.GELU_ERF, from, to, end, p, q);
      break;
    case K.QUICK_GELU:
      loop(K.QUICK_GELU, from, to, end, p, q);
      break;
    case K.SILU:
      loop(K.SILU, from, to, end, p, q);
      break;
    case K.TANH:
      loop(K.TANH, from, to, end, p, q);
      break;
    default:
      loop(kind, from, to, end, p, q);
  }
}
