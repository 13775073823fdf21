import { allocateArray, type DType, type HostArrays, type TypedArray } from "./dtype.js";
import { encodeFloat8, float8Table, isFloat8 } from "./float8.js";

// All conversions work on bit patterns: a JavaScript number forgets which NaN it was.

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** Bits of the float32 equal to the float16 with bits `h`; exact for every code, NaN payloads included. */
export function f16ToF32Bits(h: number): number {
  const sign = (h & 0x8000) << 16;
  const exponent = (h >>> 10) & 31;
  let mantissa = h & 1023;
  if (exponent === 31) return (sign | 0x7f800000 | (mantissa << 13)) >>> 0;
  if (exponent !== 0) return (sign | ((exponent + 112) << 23) | (mantissa << 13)) >>> 0;
  if (mantissa === 0) return sign >>> 0;
  // Subnormal: shift the leading one out, lowering the exponent once per shift.
  let shifted = 113;
  while (!(mantissa & 1024)) {
    mantissa <<= 1;
    shifted--;
  }
  return (sign | (shifted << 23) | ((mantissa & 1023) << 13)) >>> 0;
}

/** Bits of the float16 nearest to the float32 with bits `x` (ties to even; NaN stays NaN). */
export function f32ToF16Bits(x: number): number {
  const sign = (x >>> 16) & 0x8000;
  const magnitude = x & 0x7fffffff;
  if (magnitude >= 0x7f800000) {
    const payload = (magnitude >>> 13) & 1023;
    return sign | 0x7c00 | (magnitude > 0x7f800000 ? payload || 512 : 0);
  }
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Result is subnormal: align the significand to 2^-24 and round.
    if (magnitude < 0x33000000) return sign;
    const shift = 126 - (magnitude >>> 23);
    const significand = (magnitude & 0x7fffff) | 0x800000;
    const half = 1 << (shift - 1);
    const rest = significand & ((1 << shift) - 1);
    const floor = significand >>> shift;
    return sign | (floor + (rest > half || (rest === half && floor & 1) ? 1 : 0));
  }
  // Rounding may carry into the exponent, which is exactly what the encoding wants.
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
}

/** Bits of the bfloat16 nearest to the float32 with bits `x` (ties to even; NaN stays NaN). */
export function f32ToBf16Bits(x: number): number {
  if ((x & 0x7fffffff) > 0x7f800000) {
    const high = x >>> 16;
    return high & 0x7f ? high : high | 0x40;
  }
  return ((x + 0x7fff + ((x >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The number a float16 bit pattern stands for. */
export function f16ToNumber(bits: number): number {
  u32[0] = f16ToF32Bits(bits);
  return f32[0];
}

/** The number a bfloat16 bit pattern stands for. */
export function bf16ToNumber(bits: number): number {
  u32[0] = bits << 16;
  return f32[0];
}

const bitsOf = (array: Float32Array) => new Uint32Array(array.buffer, array.byteOffset, array.length);

/** `source` as float32 values (a copy; a float32 array is copied too). */
export function toFloat32(source: TypedArray, dtype: DType): Float32Array {
  if (isFloat8(dtype)) {
    const table = float8Table(dtype);
    return Float32Array.from(source as Uint8Array, (code) => table[code]);
  }
  if (dtype !== "f16" && dtype !== "bf16") return Float32Array.from(source as ArrayLike<number>);
  const out = new Float32Array(source.length);
  const bits = bitsOf(out);
  if (dtype === "bf16") for (let i = 0; i < source.length; i++) bits[i] = source[i] << 16;
  else for (let i = 0; i < source.length; i++) bits[i] = f16ToF32Bits(source[i]);
  return out;
}

/**
 * Converts between dtypes: widening is exact, narrowing rounds to nearest even.
 *
 * Float to integer truncates as typed arrays do. The result never aliases `source`.
 */
export function convert<D extends DType>(source: TypedArray, from: DType, to: D): HostArrays[D] {
  if (from === to) return source.slice() as HostArrays[D];
  if (to === "f16" || to === "bf16") {
    const values = from === "f32" ? (source as Float32Array) : toFloat32(source, from);
    const bits = bitsOf(values);
    const out = new Uint16Array(source.length);
    const round = to === "f16" ? f32ToF16Bits : f32ToBf16Bits;
    for (let i = 0; i < out.length; i++) out[i] = round(bits[i]);
    return out as HostArrays[D];
  }
  const values = from === "f16" || from === "bf16" || isFloat8(from) ? toFloat32(source, from) : source;
  if (isFloat8(to)) return Uint8Array.from(values, (value) => encodeFloat8(value, to)) as HostArrays[D];
  if (to === "f32" && values !== source) return values as HostArrays[D];
  const out = allocateArray(to, source.length);
  for (let i = 0; i < values.length; i++) out[i] = values[i];
  return out;
}
