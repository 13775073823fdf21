import { madd } from "../math";

/*
 * The inner products of matrix products and convolutions. Left rows are found through a table of addresses, eight rows
 * to a group and one line of eight addresses per tap, so that a convolution needs no copy of its input; the right
 * operand is a packed panel of 16, 8 or 4 columns. All keep eight accumulators and are bound by arithmetic.
 */

/** Bytes of a row of the accumulators in memory: 64 columns. */
export const SUM_ROW: usize = 256;

/** Two rows by 16 columns. */
@inline export function tile16(table: usize, taps: i32, offset: usize, bytes: usize, b: usize, c: usize, fresh: bool): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0), c02 = f32x4.splat(0), c03 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0), c12 = f32x4.splat(0), c13 = f32x4.splat(0);
  if (!fresh) {
    c00 = v128.load(c);
    c01 = v128.load(c, 16);
    c02 = v128.load(c, 32);
    c03 = v128.load(c, 48);
    c10 = v128.load(c, 256);
    c11 = v128.load(c, 272);
    c12 = v128.load(c, 288);
    c13 = v128.load(c, 304);
  }
  do {
    let p = <usize>load<u32>(table) + offset;
    let q = <usize>load<u32>(table, 4) + offset;
    table += 32;
    const end = p + bytes;
    do {
      const b0 = v128.load(b), b1 = v128.load(b, 16), b2 = v128.load(b, 32), b3 = v128.load(b, 48);
      const a0 = v128.load32_splat(p);
      c00 = madd(a0, b0, c00);
      c01 = madd(a0, b1, c01);
      c02 = madd(a0, b2, c02);
      c03 = madd(a0, b3, c03);
      const a1 = v128.load32_splat(q);
      c10 = madd(a1, b0, c10);
      c11 = madd(a1, b1, c11);
      c12 = madd(a1, b2, c12);
      c13 = madd(a1, b3, c13);
      b += 64;
      p += 4;
      q += 4;
    } while (p < end);
  } while (--taps > 0);
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(c, c02, 32);
  v128.store(c, c03, 48);
  v128.store(c, c10, 256);
  v128.store(c, c11, 272);
  v128.store(c, c12, 288);
  v128.store(c, c13, 304);
}

/** Four rows by 8 columns. */
@inline export function tile8(table: usize, taps: i32, offset: usize, bytes: usize, b: usize, c: usize, fresh: bool): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0), c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0), c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  if (!fresh) {
    c00 = v128.load(c);
    c01 = v128.load(c, 16);
    c10 = v128.load(c, 256);
    c11 = v128.load(c, 272);
    c20 = v128.load(c, 512);
    c21 = v128.load(c, 528);
    c30 = v128.load(c, 768);
    c31 = v128.load(c, 784);
  }
  do {
    let p = <usize>load<u32>(table) + offset, q = <usize>load<u32>(table, 4) + offset;
    let r = <usize>load<u32>(table, 8) + offset, s = <usize>load<u32>(table, 12) + offset;
    table += 32;
    const end = p + bytes;
    do {
      const b0 = v128.load(b), b1 = v128.load(b, 16);
      const a0 = v128.load32_splat(p);
      c00 = madd(a0, b0, c00);
      c01 = madd(a0, b1, c01);
      const a1 = v128.load32_splat(q);
      c10 = madd(a1, b0, c10);
      c11 = madd(a1, b1, c11);
      const a2 = v128.load32_splat(r);
      c20 = madd(a2, b0, c20);
      c21 = madd(a2, b1, c21);
      const a3 = v128.load32_splat(s);
      c30 = madd(a3, b0, c30);
      c31 = madd(a3, b1, c31);
      b += 32;
      p += 4;
      q += 4;
      r += 4;
      s += 4;
    } while (p < end);
  } while (--taps > 0);
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(c, c10, 256);
  v128.store(c, c11, 272);
  v128.store(c, c20, 512);
  v128.store(c, c21, 528);
  v128.store(c, c30, 768);
  v128.store(c, c31, 784);
}

/** Eight rows by 4 columns. */
@inline export function tile4(table: usize, taps: i32, offset: usize, bytes: usize, b: usize, c: usize, fresh: bool): void {
  let c0 = f32x4.splat(0), c1 = f32x4.splat(0), c2 = f32x4.splat(0), c3 = f32x4.splat(0);
  let c4 = f32x4.splat(0), c5 = f32x4.splat(0), c6 = f32x4.splat(0), c7 = f32x4.splat(0);
  if (!fresh) {
    c0 = v128.load(c);
    c1 = v128.load(c, 256);
    c2 = v128.load(c, 512);
    c3 = v128.load(c, 768);
    c4 = v128.load(c, 1024);
    c5 = v128.load(c, 1280);
    c6 = v128.load(c, 1536);
    c7 = v128.load(c, 1792);
  }
  do {
    let p = <usize>load<u32>(table) + offset, q = <usize>load<u32>(table, 4) + offset;
    let r = <usize>load<u32>(table, 8) + offset, s = <usize>load<u32>(table, 12) + offset;
    let t = <usize>load<u32>(table, 16) + offset, u = <usize>load<u32>(table, 20) + offset;
    let v = <usize>load<u32>(table, 24) + offset, w = <usize>load<u32>(table, 28) + offset;
    table += 32;
    const end = p + bytes;
    do {
      const b0 = v128.load(b);
      c0 = madd(v128.load32_splat(p), b0, c0);
      c1 = madd(v128.load32_splat(q), b0, c1);
      c2 = madd(v128.load32_splat(r), b0, c2);
      c3 = madd(v128.load32_splat(s), b0, c3);
      c4 = madd(v128.load32_splat(t), b0, c4);
      c5 = madd(v128.load32_splat(u), b0, c5);
      c6 = madd(v128.load32_splat(v), b0, c6);
      c7 = madd(v128.load32_splat(w), b0, c7);
      b += 16;
      p += 4;
      q += 4;
      r += 4;
      s += 4;
      t += 4;
      u += 4;
      v += 4;
      w += 4;
    } while (p < end);
  } while (--taps > 0);
  v128.store(c, c0);
  v128.store(c, c1, 256);
  v128.store(c, c2, 512);
  v128.store(c, c3, 768);
  v128.store(c, c4, 1024);
  v128.store(c, c5, 1280);
  v128.store(c, c6, 1536);
  v128.store(c, c7, 1792);
}

/** All rows of a task against one panel: `groups` groups of eight rows, `lines` lines of the table each. */
export function panelProduct(
  width: i32,
  table: usize,
  groups: i32,
  lines: i32,
  tap: i32,
  taps: i32,
  offset: usize,
  bytes: usize,
  b: usize,
  c: usize,
  fresh: bool,
): void {
  const step = <usize>lines << 5;
  table += <usize>tap << 5;
  for (; groups > 0; groups--, table += step, c += SUM_ROW * 8) {
    if (width == 16)
      for (let r: usize = 0; r < 4; r++) tile16(table + (r << 3), taps, offset, bytes, b, c + r * SUM_ROW * 2, fresh);
    else if (width == 8)
      for (let r: usize = 0; r < 2; r++) tile8(table + (r << 4), taps, offset, bytes, b, c + r * SUM_ROW * 4, fresh);
    else tile4(table, taps, offset, bytes, b, c, fresh);
  }
}
