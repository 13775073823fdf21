import { madd, sum4, sums4 } from "./math";

/** out[j] = a . rows[j] for `count` rows of `row` bytes. */
export function dots(a: usize, rows: usize, count: i32, row: usize, out: usize): void {
  let j = 0;
  for (; j + 4 <= count; j += 4, rows += row * 4, out += 16) v128.store(out, dotFour(a, rows, rows + row, rows + row * 2, rows + row * 3, row));
  for (; j < count; j++, rows += row, out += 4) store<f32>(out, dot(a, rows, row));
}

export function dot(a: usize, b: usize, row: usize): f32 {
  let s = f32x4.splat(0);
  for (const end = a + row; a < end; a += 16, b += 16) s = madd(v128.load(a), v128.load(b), s);
  return sum4(s);
}

/** The products of one row with four others. Not unrolled: engines hoist the loads of a longer body and run out of registers. */
@inline export function dotFour(a: usize, p: usize, q: usize, r: usize, t: usize, row: usize): v128 {
  let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0);
  const end = a + row;
  do {
    const w = v128.load(a);
    s0 = madd(w, v128.load(p), s0);
    s1 = madd(w, v128.load(q), s1);
    s2 = madd(w, v128.load(r), s2);
    s3 = madd(w, v128.load(t), s3);
    a += 16;
    p += 16;
    q += 16;
    r += 16;
    t += 16;
  } while (a < end);
  return sums4(s0, s1, s2, s3);
}

/** out += sum weights[j] rows[j] */
export function addRows(weights: usize, rows: usize, count: i32, row: usize, out: usize): void {
  let j = 0;
  for (; j + 4 <= count; j += 4, weights += 16) {
    addFour(v128.load(weights), rows, rows + row, rows + row * 2, rows + row * 3, row, out);
    rows += row * 4;
  }
  for (; j < count; j++, weights += 4, rows += row) {
    const w = v128.load32_splat(weights);
    for (let x: usize = 0; x < row; x += 16) v128.store(out + x, madd(w, v128.load(rows + x), v128.load(out + x)));
  }
}

@inline export function addFour(w: v128, p: usize, q: usize, r: usize, t: usize, row: usize, out: usize): void {
  const w0 = i32x4.shuffle(w, w, 0, 0, 0, 0), w1 = i32x4.shuffle(w, w, 1, 1, 1, 1);
  const w2 = i32x4.shuffle(w, w, 2, 2, 2, 2), w3 = i32x4.shuffle(w, w, 3, 3, 3, 3);
  const end = out + row;
  do {
    let s = madd(w0, v128.load(p), v128.load(out));
    s = madd(w1, v128.load(q), s);
    s = madd(w2, v128.load(r), s);
    v128.store(out, madd(w3, v128.load(t), s));
    s = madd(w0, v128.load(p, 16), v128.load(out, 16));
    s = madd(w1, v128.load(q, 16), s);
    s = madd(w2, v128.load(r, 16), s);
    v128.store(out, madd(w3, v128.load(t, 16), s), 16);
    s = madd(w0, v128.load(p, 32), v128.load(out, 32));
    s = madd(w1, v128.load(q, 32), s);
    s = madd(w2, v128.load(r, 32), s);
    v128.store(out, madd(w3, v128.load(t, 32), s), 32);
    s = madd(w0, v128.load(p, 48), v128.load(out, 48));
    s = madd(w1, v128.load(q, 48), s);
    s = madd(w2, v128.load(r, 48), s);
    v128.store(out, madd(w3, v128.load(t, 48), s), 48);
    p += 64;
    q += 64;
    r += 64;
    t += 64;
    out += 64;
  } while (out < end);
}

/** out += sum of `count` contiguous rows. */
export function addAll(rows: usize, count: i32, row: usize, out: usize): void {
  const ones = f32x4.splat(1);
  let r = 0;
  for (; r + 4 <= count; r += 4, rows += row * 4)
    addFour(ones, rows, rows + row, rows + row * 2, rows + row * 3, row, out);
  for (; r < count; r++, rows += row)
    for (let x: usize = 0; x < row; x += 16) v128.store(out + x, f32x4.add(v128.load(rows + x), v128.load(out + x)));
}

export function scaleRow(to: usize, factor: f32, row: usize): void {
  const f = f32x4.splat(factor);
  for (let x: usize = 0; x < row; x += 16) v128.store(to + x, f32x4.mul(v128.load(to + x), f));
}

/** out += sum of the rows at the addresses in `list`; their number is a multiple of 4. */
export function addListed(list: usize, count: i32, row: usize, out: usize): void {
  const ones = f32x4.splat(1);
  for (let r = 0; r < count; r += 4, list += 16) {
    const p = <usize>load<u32>(list), q = <usize>load<u32>(list, 4);
    addFour(ones, p, q, <usize>load<u32>(list, 8), <usize>load<u32>(list, 12), row, out);
  }
}

/** out[r] = w . row for the rows at the addresses in `list`; their number is a multiple of 4. */
export function project(list: usize, count: i32, w: usize, row: usize, out: usize): void {
  for (let r = 0; r < count; r += 4, list += 16, out += 16) {
    const p = <usize>load<u32>(list), q = <usize>load<u32>(list, 4);
    v128.store(out, dotFour(w, p, q, <usize>load<u32>(list, 8), <usize>load<u32>(list, 12), row));
  }
}

/**
 * out += sum y_r row_r with y_r = w . row_r - shift, over the listed rows, a multiple of 8; returns the sum of the y_r.
 *
 * Eight rows at a time: the products of the next rows hide the wait for the sums of these.
 */
export function addMoment(list: usize, count: i32, w: usize, shift: f32, row: usize, out: usize): f32 {
  const less = f32x4.splat(shift);
  let sum = f32x4.splat(0);
  for (let r = 0; r < count; r += 8, list += 32) {
    const p0 = <usize>load<u32>(list), p1 = <usize>load<u32>(list, 4);
    const p2 = <usize>load<u32>(list, 8), p3 = <usize>load<u32>(list, 12);
    const p4 = <usize>load<u32>(list, 16), p5 = <usize>load<u32>(list, 20);
    const p6 = <usize>load<u32>(list, 24), p7 = <usize>load<u32>(list, 28);
    const a = f32x4.sub(dotFour(w, p0, p1, p2, p3, row), less);
    const b = f32x4.sub(dotFour(w, p4, p5, p6, p7, row), less);
    sum = f32x4.add(sum, f32x4.add(a, b));
    addFour(a, p0, p1, p2, p3, row, out);
    addFour(b, p4, p5, p6, p7, row, out);
  }
  return sum4(sum);
}

/** w becomes w / max(|w|, 1e-30). */
export function normalise(w: usize, row: usize): void {
  // Squares in f64: those of f32 may overflow or vanish.
  let even = f64x2.splat(0), odd = f64x2.splat(0);
  for (let p = w, end = w + row; p < end; p += 16) {
    const a = f64x2.promote_low_f32x4(v128.load64_zero(p));
    const b = f64x2.promote_low_f32x4(v128.load64_zero(p, 8));
    even = f64x2.add(even, f64x2.mul(a, a));
    odd = f64x2.add(odd, f64x2.mul(b, b));
  }
  const sum = f64x2.add(even, odd);
  const square = f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
  const scale = f32x4.splat(<f32>(1 / Math.max(Math.sqrt(square), 1e-30)));
  for (let x: usize = 0; x < row; x += 16) v128.store(w + x, f32x4.mul(v128.load(w + x), scale));
}

/** The component of largest magnitude, the first of equals, becomes non-negative. */
export function orient(w: usize, row: usize): void {
  if (orientation(w, row) < 0)
    for (let x: usize = 0; x < row; x += 16) v128.store(w + x, f32x4.neg(v128.load(w + x)));
}

/** The sign of the component of largest magnitude, the first of equals. */
export function orientation(w: usize, row: usize): f32 {
  let top: f32 = 0;
  for (let x: usize = 0; x < row; x += 4) {
    const v = load<f32>(w + x);
    if (abs(v) > abs(top)) top = v;
  }
  return top < 0 ? -1 : 1;
}

/** The start of a power iteration: cos(0), cos(1), ... by their recurrence. */
export function wave(w: usize, row: usize): void {
  const twice = 2 * 0.54030230586813971740;
  let before = 0.54030230586813971740;
  let now: f64 = 1;
  for (let x: usize = 0; x < row; x += 4) {
    store<f32>(w + x, <f32>now);
    const next = twice * now - before;
    before = now;
    now = next;
  }
}
