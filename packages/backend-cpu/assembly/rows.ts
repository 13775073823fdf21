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

/** The products of one row with four others. */
@inline export function dotFour(a: usize, p: usize, q: usize, r: usize, t: usize, row: usize): v128 {
  let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0);
  for (let x: usize = 0; x < row; x += 16) {
    const w = v128.load(a + x);
    s0 = madd(w, v128.load(p + x), s0);
    s1 = madd(w, v128.load(q + x), s1);
    s2 = madd(w, v128.load(r + x), s2);
    s3 = madd(w, v128.load(t + x), s3);
  }
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
  for (let x: usize = 0; x < row; x += 16) {
    let s = madd(w0, v128.load(p + x), v128.load(out + x));
    let u = f32x4.mul(w1, v128.load(q + x));
    s = madd(w2, v128.load(r + x), s);
    u = madd(w3, v128.load(t + x), u);
    v128.store(out + x, f32x4.add(s, u));
  }
}

/** out += X^T (X w) over the rows at the addresses in `list`, whose length is a multiple of 4. */
export function addMoment(list: usize, count: i32, w: usize, row: usize, out: usize): void {
  for (let r = 0; r < count; r += 4, list += 16) {
    const p = <usize>load<u32>(list), q = <usize>load<u32>(list, 4);
    const s = <usize>load<u32>(list, 8), t = <usize>load<u32>(list, 12);
    addFour(dotFour(w, p, q, s, t, row), p, q, s, t, row, out);
  }
}

/** w becomes w / max(|w|, 1e-30). */
export function normalise(w: usize, row: usize): void {
  let square: f64 = 0;
  for (let x: usize = 0; x < row; x += 4) {
    const v = <f64>load<f32>(w + x);
    square += v * v;
  }
  const scale = f32x4.splat(<f32>(1 / Math.max(Math.sqrt(square), 1e-30)));
  for (let x: usize = 0; x < row; x += 16) v128.store(w + x, f32x4.mul(v128.load(w + x), scale));
}

/** The component of largest magnitude, the first of equals, becomes non-negative. */
export function orient(w: usize, row: usize): void {
  let top: f32 = 0;
  for (let x: usize = 0; x < row; x += 4) {
    const v = load<f32>(w + x);
    if (abs(v) > abs(top)) top = v;
  }
  if (top < 0) for (let x: usize = 0; x < row; x += 16) v128.store(w + x, f32x4.neg(v128.load(w + x)));
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
