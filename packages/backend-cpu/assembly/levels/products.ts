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

/**
 * |D_l - D_L|^2 of two probes, four partial sums: the weighted sums of some nodes minus those of the leaves, about the
 * probes' outputs `o`, 64 bytes each.
 */
export function effectGaps(
  w0: usize,
  w1: usize,
  rows: usize,
  count: i32,
  leaf0: usize,
  leaf1: usize,
  o: usize,
  both: bool,
): v128 {
  let a0 = f32x4.splat(0), a1 = f32x4.splat(0), a2 = f32x4.splat(0), a3 = f32x4.splat(0);
  let b0 = f32x4.splat(0), b1 = f32x4.splat(0), b2 = f32x4.splat(0), b3 = f32x4.splat(0);
  let x = v128.load(leaf0, 64), y = v128.load(leaf1, 64);
  for (const end = w0 + (<usize>count << 2); w0 < end; w0 += 4, w1 += 4, rows += 64) {
    const v0 = v128.load(rows), v1 = v128.load(rows, 16), v2 = v128.load(rows, 32), v3 = v128.load(rows, 48);
    const p = v128.load32_splat(w0);
    a0 = madd(p, v0, a0);
    a1 = madd(p, v1, a1);
    a2 = madd(p, v2, a2);
    a3 = madd(p, v3, a3);
    x = f32x4.sub(x, p);
    const q = v128.load32_splat(w1);
    b0 = madd(q, v0, b0);
    b1 = madd(q, v1, b1);
    b2 = madd(q, v2, b2);
    b3 = madd(q, v3, b3);
    y = f32x4.sub(y, q);
  }
  const first = gap(a0, a1, a2, a3, x, leaf0, o);
  return both ? f32x4.add(first, gap(b0, b1, b2, b3, y, leaf1, o + 64)) : first;
}

@inline function gap(a: v128, b: v128, c: v128, d: v128, weight: v128, leaf: usize, o: usize): v128 {
  const p = madd(weight, v128.load(o), f32x4.sub(a, v128.load(leaf)));
  const q = madd(weight, v128.load(o, 16), f32x4.sub(b, v128.load(leaf, 16)));
  const r = madd(weight, v128.load(o, 32), f32x4.sub(c, v128.load(leaf, 32)));
  const s = madd(weight, v128.load(o, 48), f32x4.sub(d, v128.load(leaf, 48)));
  return f32x4.add(madd(p, p, f32x4.mul(q, q)), madd(r, r, f32x4.mul(s, s)));
}

/** out1 += w[0] rows[0] + w[1] rows[1], out0 += w[2] rows[2]: the two coarsest levels of a block. */
export function addCoarse(w: usize, rows: usize, row: usize, out1: usize, out0: usize): void {
  const a = v128.load32_splat(w), b = v128.load32_splat(w, 4), c = v128.load32_splat(w, 8);
  for (const end = rows + row; rows < end; rows += 16, out0 += 16, out1 += 16) {
    v128.store(out1, madd(b, v128.load(rows + row), madd(a, v128.load(rows), v128.load(out1))));
    v128.store(out0, madd(c, v128.load(rows + row * 2), v128.load(out0)));
  }
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
