import * as L from "../src/job-layout";
import { at, int } from "./job";

/** Four float16 in the low halves of 32-bit lanes, as f32: exact, subnormals, infinities and NaN included. */
@inline export function widenHalf(h: v128): v128 {
  const magnitude = v128.and(h, i32x4.splat(0x7fff));
  // Exponent and mantissa move into place; multiplying by 2^112 mends the exponent's bias, subnormals included.
  const number = f32x4.mul(i32x4.shl(magnitude, 13), i32x4.splat(0x77800000));
  const special = v128.and(i32x4.gt_s(magnitude, i32x4.splat(0x7bff)), i32x4.splat(0x7f800000));
  return v128.or(v128.or(number, special), i32x4.shl(v128.and(h, i32x4.splat(0x8000)), 16));
}

/** Widens `count` (a multiple of 8) numbers from `from` to f32 at `to`. */
function widen(from: usize, to: usize, count: usize, half: bool): void {
  const end = from + count * 2;
  if (half)
    for (; from < end; from += 8, to += 16) v128.store(to, widenHalf(v128.load16x4_u(from)));
  else for (; from < end; from += 8, to += 16) v128.store(to, i32x4.shl(v128.load16x4_u(from), 16));
}

/** Address of `count` f32 rows of query, key or value from token `first` on; widened into `scratch` unless they are f32. */
export function rowsOf(job: usize, field: i32, first: i32, count: i32, scratch: usize): usize {
  const d = <usize>int(job, L.HEAD_DIM);
  const from = <usize>first * d;
  const dtype = int(job, L.DTYPE);
  if (dtype == 0) return at(job, field) + (from << 2);
  widen(at(job, field) + (from << 1), scratch, <usize>count * d, dtype == 1);
  return scratch;
}

/** Four f32 as bfloat16 in the low halves of the lanes, ties to even, NaN stays NaN. */
@inline export function narrowBrain(x: v128): v128 {
  const odd = v128.and(i32x4.shr_u(x, 16), i32x4.splat(1));
  const rounded = i32x4.shr_u(i32x4.add(x, i32x4.add(odd, i32x4.splat(0x7fff))), 16);
  const nan = v128.or(i32x4.shr_u(x, 16), i32x4.splat(0x40));
  return v128.bitselect(rounded, nan, f32x4.eq(x, x));
}

/** Four f32 as float16 in the low halves of the lanes, ties to even. */
@inline export function narrowHalf(x: v128): v128 {
  const sign = v128.and(i32x4.shr_u(x, 16), i32x4.splat(0x8000));
  const magnitude = v128.and(x, i32x4.splat(0x7fffffff));
  const odd = v128.and(i32x4.shr_u(magnitude, 13), i32x4.splat(1));
  const normal = i32x4.shr_u(i32x4.add(i32x4.sub(magnitude, i32x4.splat(0x38000000)), i32x4.add(odd, i32x4.splat(0xfff))), 13);
  // Adding 0.5 aligns a subnormal's last bit with the last bit of the sum, rounded as the engine rounds: to even.
  const small = i32x4.sub(f32x4.add(magnitude, f32x4.splat(0.5)), i32x4.splat(0x3f000000));
  let bits = v128.bitselect(small, normal, i32x4.lt_s(magnitude, i32x4.splat(0x38800000)));
  bits = v128.bitselect(i32x4.splat(0x7c00), bits, i32x4.ge_s(magnitude, i32x4.splat(0x477ff000)));
  const payload = v128.and(i32x4.shr_u(magnitude, 13), i32x4.splat(0x3ff));
  const nan = v128.or(i32x4.splat(0x7e00), payload);
  bits = v128.bitselect(bits, nan, f32x4.eq(x, x));
  return v128.or(bits, sign);
}

/** Rounds `count` (a multiple of 8) numbers to the output's type. */
export function narrow(from: usize, to: usize, count: usize, dtype: i32): void {
  const end = from + (count << 2);
  for (; from < end; from += 32, to += 16) {
    const a = dtype == 1 ? narrowHalf(v128.load(from)) : narrowBrain(v128.load(from));
    const b = dtype == 1 ? narrowHalf(v128.load(from, 16)) : narrowBrain(v128.load(from, 16));
    v128.store(to, i8x16.shuffle(a, b, 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29));
  }
}
