import * as K from "../../src/network/kernels";
import { widenHalf } from "../convert";

/*
 * GGUF's block types to f32. Formats: BLOCK_FORMATS of @spaattn/nn, whose dequantiseRow is the truth. `from` is a row of
 * blocks, `first` a multiple of the block's values.
 */

@inline function half(at: usize): f32 {
  return f32x4.extract_lane(widenHalf(i32x4.splat(load<u16>(at))), 0);
}

/** Sixteen bytes (unsigned) times a scale plus a minimum. */
@inline function put16(to: usize, q: v128, scale: v128, least: v128): void {
  const low = i16x8.extend_low_i8x16_u(q);
  const high = i16x8.extend_high_i8x16_u(q);
  v128.store(to, f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(low)), scale), least));
  v128.store(to, f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(low)), scale), least), 16);
  v128.store(to, f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(high)), scale), least), 32);
  v128.store(to, f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(high)), scale), least), 48);
}

/** The same of signed bytes, without a minimum. */
@inline function putSigned16(to: usize, q: v128, scale: v128): void {
  const low = i16x8.extend_low_i8x16_s(q);
  const high = i16x8.extend_high_i8x16_s(q);
  v128.store(to, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low)), scale));
  v128.store(to, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low)), scale), 16);
  v128.store(to, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high)), scale), 32);
  v128.store(to, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high)), scale), 48);
}

/** Sixteen bits as bytes of 0 or 16: bit `i` of `bits` goes to byte `i`. */
@inline function fifthBits(bits: u32): v128 {
  const spread = i8x16.shuffle(i32x4.splat(bits), i32x4.splat(bits), 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
  const mask = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
  return v128.and(i8x16.eq(v128.and(spread, mask), mask), i8x16.splat(16));
}

/** Blocks of 32 in nibbles, with or without a minimum and a fifth bit. */
function nibbleBlock(from: usize, to: usize, header: i32, hasMinimum: bool, five: bool): void {
  const d = half(from);
  const bits: u32 = five ? load<u32>(from + (hasMinimum ? 4 : 2)) : 0;
  const packed = v128.load(from + <usize>header);
  let low = v128.and(packed, i8x16.splat(15));
  let high = i8x16.shr_u(packed, 4);
  if (five) {
    low = v128.or(low, fifthBits(bits));
    high = v128.or(high, fifthBits(bits >> 16));
  }
  const scale = f32x4.splat(d);
  if (hasMinimum) {
    const least = f32x4.splat(half(from + 2));
    put16(to, low, scale, least);
    put16(to + 64, high, scale, least);
    return;
  }
  const middle = i8x16.splat(five ? 16 : 8);
  putSigned16(to, i8x16.sub(low, middle), scale);
  putSigned16(to + 64, i8x16.sub(high, middle), scale);
}

/** Scale (`most` 0) or minimum (`most` 4) of group `j` of 256 numbers: 6 bits each, in 12 bytes. */
@inline function sixBits(packed: usize, j: usize, most: usize): f32 {
  if (j < 4) return <f32>(load<u8>(packed + j + most) & 63);
  const low = most ? load<u8>(packed + j + 4) >> 4 : load<u8>(packed + j + 4) & 15;
  return <f32>(<i32>low | ((<i32>load<u8>(packed + j - 4 + most) >> 6) << 4));
}

/** Blocks of 256 in eight groups of 32, each with a scale and a minimum. */
function groupBlock(from: usize, to: usize, five: bool): void {
  const d = half(from);
  const m = half(from + 2);
  const highAt = from + 16;
  const lowAt = from + (five ? 48 : 16);
  for (let group: usize = 0; group < 8; group++, to += 128) {
    const scale = f32x4.splat(d * sixBits(from + 4, group, 0));
    const least = f32x4.splat(-m * sixBits(from + 4, group, 4));
    for (let part: usize = 0; part < 32; part += 16) {
      const packed = v128.load(lowAt + (group >> 1) * 32 + part);
      let q = group & 1 ? i8x16.shr_u(packed, 4) : v128.and(packed, i8x16.splat(15));
      if (five) {
        const bit = v128.and(i8x16.shr_u(v128.load(highAt + part), <i32>group), i8x16.splat(1));
        q = v128.or(q, i8x16.shl(bit, 4));
      }
      put16(to + (part << 2), q, scale, least);
    }
  }
}

/** Blocks of 256 of 6 bits with sixteen 8-bit scales. */
function sixBitBlock(from: usize, to: usize): void {
  const d = half(from + 208);
  for (let part: usize = 0; part < 2; part++)
    for (let quarter: usize = 0; quarter < 4; quarter++)
      for (let x: usize = 0; x < 32; x += 16, to += 64) {
        const packed = v128.load(from + part * 64 + (quarter & 1) * 32 + x);
        const low = quarter < 2 ? v128.and(packed, i8x16.splat(15)) : i8x16.shr_u(packed, 4);
        const two = v128.and(i8x16.shr_u(v128.load(from + 128 + part * 32 + x), <i32>(2 * quarter)), i8x16.splat(3));
        const q = i8x16.sub(v128.or(low, i8x16.shl(two, 4)), i8x16.splat(32));
        const scale = <f32>load<i8>(from + 192 + part * 8 + quarter * 2 + (x >> 4));
        putSigned16(to, q, f32x4.splat(d * scale));
      }
}

/** Numbers `[first, first + count)` of a row, both multiples of a block. */
export function dequantise(from: usize, format: i32, first: i32, count: i32, to: usize): void {
  const large = format >= K.Q4_K;
  let blocks = large ? count >> 8 : count >> 5;
  const skip = <usize>(large ? first >> 8 : first >> 5);
  switch (format) {
    case K.Q8_0:
      from += skip * 34;
      for (; blocks > 0; blocks--, from += 34, to += 128) {
        const scale = f32x4.splat(half(from));
        putSigned16(to, v128.load(from, 2), scale);
        putSigned16(to + 64, v128.load(from, 18), scale);
      }
      break;
    case K.Q4_0:
      for (from += skip * 18; blocks > 0; blocks--, from += 18, to += 128) nibbleBlock(from, to, 2, false, false);
      break;
    case K.Q4_1:
      for (from += skip * 20; blocks > 0; blocks--, from += 20, to += 128) nibbleBlock(from, to, 4, true, false);
      break;
    case K.Q5_0:
      for (from += skip * 22; blocks > 0; blocks--, from += 22, to += 128) nibbleBlock(from, to, 6, false, true);
      break;
    case K.Q5_1:
      for (from += skip * 24; blocks > 0; blocks--, from += 24, to += 128) nibbleBlock(from, to, 8, true, true);
      break;
    case K.Q4_K:
      for (from += skip * 144; blocks > 0; blocks--, from += 144, to += 1024) groupBlock(from, to, false);
      break;
    case K.Q5_K:
      for (from += skip * 176; blocks > 0; blocks--, from += 176, to += 1024) groupBlock(from, to, true);
      break;
    default:
      for (from += skip * 210; blocks > 0; blocks--, from += 210, to += 1024) sixBitBlock(from, to);
  }
}
