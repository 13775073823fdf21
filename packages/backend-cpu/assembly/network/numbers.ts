import * as K from "../../src/network/kernels";
import { narrowBrain, narrowHalf, widenHalf } from "../convert";

/** Bytes of one element. */
export function elementBytes(dtype: i32): i32 {
  if (dtype == K.F32 || dtype == K.I32) return 4;
  if (dtype == K.F16 || dtype == K.BF16 || dtype == K.U16) return 2;
  return dtype == K.F64 ? 8 : 1;
}

/** Four float8 e4m3 in the low bytes of the lanes: a float16 whose exponent is 8 too small; 0x7f is NaN. */
@inline function widenE4M3(x: v128): v128 {
  const magnitude = v128.and(x, i32x4.splat(0x7f));
  const number = f32x4.mul(widenHalf(i32x4.shl(magnitude, 7)), f32x4.splat(256));
  const nan = v128.and(i32x4.eq(magnitude, i32x4.splat(0x7f)), i32x4.splat(0x7fc00000));
  return v128.or(v128.or(number, nan), i32x4.shl(v128.and(x, i32x4.splat(0x80)), 24));
}

/** Four bytes, one per lane. */
@inline function bytes4(from: usize): v128 {
  return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(from)));
}

/** Four numbers of any type as f32. */
@inline export function load4(from: usize, dtype: i32): v128 {
  switch (dtype) {
    case K.F32:
      return v128.load(from);
    case K.F16:
      return widenHalf(v128.load16x4_u(from));
    case K.BF16:
      return i32x4.shl(v128.load16x4_u(from), 16);
    case K.F8E4M3:
      return widenE4M3(bytes4(from));
    case K.F8E5M2:
      return widenHalf(i32x4.shl(bytes4(from), 8));
    case K.I8:
      return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(from))));
    case K.I32:
      return f32x4.convert_i32x4_s(v128.load(from));
    case K.U8:
      return f32x4.convert_i32x4_s(bytes4(from));
    case K.U16:
      return f32x4.convert_i32x4_s(v128.load16x4_u(from));
    default: {
      const a = f32x4.demote_f64x2_zero(v128.load(from));
      return i64x2.shuffle(a, f32x4.demote_f64x2_zero(v128.load(from, 16)), 0, 2);
    }
  }
}

/** Widens `count` numbers to f32 at `to`. Reads and writes up to three numbers more. */
export function widenAll(from: usize, dtype: i32, to: usize, count: i32): void {
  const end = to + (<usize>count << 2);
  switch (dtype) {
    case K.F16:
      for (; to < end; from += 8, to += 16) v128.store(to, load4(from, K.F16));
      break;
    case K.BF16:
      for (; to < end; from += 8, to += 16) v128.store(to, load4(from, K.BF16));
      break;
    case K.F8E4M3:
      for (; to < end; from += 4, to += 16) v128.store(to, load4(from, K.F8E4M3));
      break;
    case K.F8E5M2:
      for (; to < end; from += 4, to += 16) v128.store(to, load4(from, K.F8E5M2));
      break;
    case K.I8:
      for (; to < end; from += 4, to += 16) v128.store(to, load4(from, K.I8));
      break;
    default: {
      const step = <usize>elementBytes(dtype) << 2;
      for (; to < end; from += step, to += 16) v128.store(to, load4(from, dtype));
    }
  }
}

/** Rounds four f32 to `dtype`: bit patterns or integers in the low parts of the lanes; integers truncate and wrap. */
@inline function round4(x: v128, dtype: i32): v128 {
  if (dtype == K.F16) return narrowHalf(x);
  if (dtype == K.BF16) return narrowBrain(x);
  if (dtype == K.F8E4M3) return narrowFloat8(x, 3, 7, 0x7e, 0x7f);
  if (dtype == K.F8E5M2) return narrowFloat8(x, 2, 15, 0x7b, 0x7c);
  return i32x4.trunc_sat_f32x4_s(x);
}

/** Four f32 as float8, ties to even; beyond the largest number (and half a step) `overflow`, as PyTorch does. */
function narrowFloat8(x: v128, mantissa: i32, bias: i32, largest: i32, overflow: i32): v128 {
  const sign = v128.and(i32x4.shr_u(x, 24), i32x4.splat(0x80));
  const magnitude = v128.and(x, i32x4.splat(0x7fffffff));
  const shift = 23 - mantissa;
  const odd = v128.and(i32x4.shr_u(magnitude, shift), i32x4.splat(1));
  const half = i32x4.splat((1 << (shift - 1)) - 1);
  const rebased = i32x4.sub(magnitude, i32x4.splat((127 - bias) << 23));
  const normal = i32x4.shr_u(i32x4.add(rebased, i32x4.add(odd, half)), shift);
  // A power of two whose last bit is the last bit of a subnormal rounds to it.
  const magic = f32x4.splat(reinterpret<f32>((127 + 23 + 1 - bias - mantissa) << 23));
  const small = i32x4.sub(f32x4.add(magnitude, magic), magic);
  let bits = v128.bitselect(small, normal, i32x4.lt_s(magnitude, i32x4.splat((128 - bias) << 23)));
  bits = v128.bitselect(i32x4.splat(overflow), bits, i32x4.gt_s(bits, i32x4.splat(largest)));
  bits = v128.bitselect(bits, i32x4.splat(0x7f), f32x4.eq(x, x));
  return v128.or(bits, sign);
}

/** Stores the low bytes of four lanes as `count` numbers of `size` bytes. */
@inline function storeLow(to: usize, bits: v128, size: i32): void {
  if (size == 4) v128.store(to, bits);
  else if (size == 2) v128.store64_lane(to, i8x16.shuffle(bits, bits, 0, 1, 4, 5, 8, 9, 12, 13, 0, 1, 4, 5, 8, 9, 12, 13), 0);
  else v128.store32_lane(to, i8x16.shuffle(bits, bits, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12), 0);
}

/** One f32 to `dtype`. */
function storeOne(to: usize, x: f32, dtype: i32): void {
  if (dtype == K.F64) {
    store<f64>(to, <f64>x);
    return;
  }
  if (dtype == K.F32) {
    store<f32>(to, x);
    return;
  }
  const bits = i32x4.extract_lane(round4(f32x4.splat(x), dtype), 0);
  const size = elementBytes(dtype);
  if (size == 4) store<i32>(to, bits);
  else if (size == 2) store<u16>(to, <u16>bits);
  else store<u8>(to, <u8>bits);
}

/** Rounds `count` f32 to `dtype`; writes not a byte more. */
export function narrowAll(from: usize, dtype: i32, to: usize, count: i32): void {
  const size = elementBytes(dtype);
  const whole = count & ~3;
  const end = from + (<usize>whole << 2);
  if (dtype == K.F32) {
    memory.copy(to, from, <usize>count << 2);
    return;
  }
  const step = <usize>size << 2;
  if (dtype == K.F16) for (; from < end; from += 16, to += 8) storeLow(to, narrowHalf(v128.load(from)), 2);
  else if (dtype == K.BF16) for (; from < end; from += 16, to += 8) storeLow(to, narrowBrain(v128.load(from)), 2);
  else if (dtype != K.F64) for (; from < end; from += 16, to += step) storeLow(to, round4(v128.load(from), dtype), size);
  for (const last = from + ((dtype == K.F64 ? <usize>count : <usize>(count & 3)) << 2); from < last; from += 4, to += <usize>size)
    storeOne(to, load<f32>(from), dtype);
}

@unmanaged
class ConvertJob {
  from: usize;
  fromType: i32;
  to: usize;
  toType: i32;
  count: i32;
  /** Numbers of one unit; a multiple of 4. */
  chunk: i32;
}

/** Unit: a chunk of numbers. From any type to any other, through f32 (integers and f64 through f64). */
export function convert(job: usize, unit: i32, scratch: usize): void {
  const j = changetype<ConvertJob>(job);
  const first = unit * j.chunk;
  const count = min(j.chunk, j.count - first);
  const from = j.from + <usize>(first * elementBytes(j.fromType));
  const to = j.to + <usize>(first * elementBytes(j.toType));
  if (j.fromType == j.toType) {
    memory.copy(to, from, <usize>(count * elementBytes(j.toType)));
    return;
  }
  if (isWide(j.fromType) || isWide(j.toType)) {
    for (let i = 0; i < count; i++) convertOne(from, j.fromType, to, j.toType, i, scratch);
    return;
  }
  // Through scratch, so that nothing past the end is written; a piece at a time stays in the nearest cache.
  for (let i = 0; i < count; i += 1024) {
    const part = min(1024, count - i);
    widenAll(from + <usize>(i * elementBytes(j.fromType)), j.fromType, scratch, part);
    narrowAll(scratch, j.toType, to + <usize>(i * elementBytes(j.toType)), part);
  }
}

@inline function isWide(dtype: i32): bool {
  return dtype == K.F64 || dtype == K.I32;
}

function convertOne(from: usize, fromType: i32, to: usize, toType: i32, i: i32, scratch: usize): void {
  let x: f64;
  if (fromType == K.F64) x = load<f64>(from + (<usize>i << 3));
  else if (fromType == K.I32) x = <f64>load<i32>(from + (<usize>i << 2));
  else x = <f64>f32x4.extract_lane(load4(from + <usize>(i * elementBytes(fromType)), fromType), 0);
  const target = to + <usize>(i * elementBytes(toType));
  if (toType == K.F64) store<f64>(target, x);
  else if (toType == K.I32) store<i32>(target, <i32>x);
  else storeOne(target, <f32>x, toType);
}
