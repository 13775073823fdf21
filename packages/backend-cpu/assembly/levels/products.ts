import { madd, sum4, sums4 } from "../math";
import { dot } from "../rows";

/** out0[j] = a0 . rows[j] and out1[j] = a1 . rows[j]: every row is loaded once for both. */
export function dotsPair(a0: usize, a1: usize, rows: usize, count: i32, row: usize, out0: usize, out1: usize): void {
  let j = 0;
  for (; j + 4 <= count; j += 4, rows += row * 4, out0 += 16, out1 += 16) fourByTwo(a0, a1, rows, row, out0, out1);
  for (; j < count; j++, rows += row, out0 += 4, out1 += 4) {
    store<f32>(out0, dot(a0, rows, row));
    store<f32>(out1, dot(a1, rows, row));
  }
}

@inline function fourByTwo(a: usize, b: usize, p: usize, row: usize, out0: usize, out1: usize): void {
  let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0);
  let t0 = f32x4.splat(0), t1 = f32x4.splat(0), t2 = f32x4.splat(0), t3 = f32x4.splat(0);
  let q = p + row, r = p + row * 2, t = p + row * 3;
  const end = a + row;
  do {
    const x = v128.load(a), y = v128.load(b);
    let k = v128.load(p);
    s0 = madd(x, k, s0);
    t0 = madd(y, k, t0);
    k = v128.load(q);
    s1 = madd(x, k, s1);
    t1 = madd(y, k, t1);
    k = v128.load(r);
    s2 = madd(x, k, s2);
    t2 = madd(y, k, t2);
    k = v128.load(t);
    s3 = madd(x, k, s3);
    t3 = madd(y, k, t3);
    a += 16;
    b += 16;
    p += 16;
    q += 16;
    r += 16;
    t += 16;
  } while (a < end);
  v128.store(out0, sums4(s0, s1, s2, s3));
  v128.store(out1, sums4(t0, t1, t2, t3));
}

/**
 * Weighted sums of `count` rows of 16 numbers, for two lists of weights: 16 sums and the sum of the weights at `out0` and
 * `out1`.
 */
export function sumPair(w0: usize, w1: usize, rows: usize, count: i32, out0: usize, out1: usize): void {
  let a0 = f32x4.splat(0), a1 = f32x4.splat(0), a2 = f32x4.splat(0), a3 = f32x4.splat(0);
  let b0 = f32x4.splat(0), b1 = f32x4.splat(0), b2 = f32x4.splat(0), b3 = f32x4.splat(0);
  let x = f32x4.splat(0), y = f32x4.splat(0);
  for (const end = w0 + (<usize>count << 2); w0 < end; w0 += 4, w1 += 4, rows += 64) {
    const v0 = v128.load(rows), v1 = v128.load(rows, 16), v2 = v128.load(rows, 32), v3 = v128.load(rows, 48);
    const p = v128.load32_splat(w0);
    a0 = madd(p, v0, a0);
    a1 = madd(p, v1, a1);
    a2 = madd(p, v2, a2);
    a3 = madd(p, v3, a3);
    x = f32x4.add(x, p);
    const q = v128.load32_splat(w1);
    b0 = madd(q, v0, b0);
    b1 = madd(q, v1, b1);
    b2 = madd(q, v2, b2);
    b3 = madd(q, v3, b3);
    y = f32x4.add(y, q);
  }
  v128.store(out0, a0);
  v128.store(out0, a1, 16);
  v128.store(out0, a2, 32);
  v128.store(out0, a3, 48);
  v128.store(out0, x, 64);
  v128.store(out1, b0);
  v128.store(out1, b1, 16);
  v128.store(out1, b2, 32);
  v128.store(out1, b3, 48);
  v128.store(out1, y, 64);
}

/** Squared distance of `a - a16 o` and `b - b16 o`, 16 numbers each with the weight behind them, `o` 16 numbers. */
export function effectGap(a: usize, b: usize, o: usize): f32 {
  const weight = f32x4.sub(v128.load(b, 64), v128.load(a, 64));
  let sum = f32x4.splat(0);
  for (let x: usize = 0; x < 64; x += 16) {
    const e = madd(weight, v128.load(o + x), f32x4.sub(v128.load(a + x), v128.load(b + x)));
    sum = madd(e, e, sum);
  }
  return sum4(sum);
}

/** to[16] = row . table */
export function projectRow(from: usize, table: usize, row: usize, to: usize): void {
  let a = f32x4.splat(0), b = f32x4.splat(0), c = f32x4.splat(0), d = f32x4.splat(0);
  for (const end = from + row; from < end; from += 4, table += 64) {
    const x = v128.load32_splat(from);
    a = madd(x, v128.load(table), a);
    b = madd(x, v128.load(table, 16), b);
    c = madd(x, v128.load(table, 32), c);
    d = madd(x, v128.load(table, 48), d);
  }
  v128.store(to, a);
  v128.store(to, b, 16);
  v128.store(to, c, 32);
  v128.store(to, d, 48);
}

/** |row|^2 in four sums: one alone would wait for every addition. */
export function square(from: usize, row: usize): f32 {
  let a = f32x4.splat(0), b = f32x4.splat(0), c = f32x4.splat(0), d = f32x4.splat(0);
  for (const end = from + row; from < end; from += 64) {
    const x = v128.load(from), y = v128.load(from, 16), z = v128.load(from, 32), t = v128.load(from, 48);
    a = madd(x, x, a);
    b = madd(y, y, b);
    c = madd(z, z, c);
    d = madd(t, t, d);
  }
  return sum4(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)));
}
