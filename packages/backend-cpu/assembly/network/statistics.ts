import { madd } from "../math";

/** Adds the lanes of a vector, in f64. */
@inline function lanes(v: v128): f64 {
  const s = f64x2.add(f64x2.promote_low_f32x4(v), f64x2.promote_low_f32x4(i64x2.shuffle(v, v, 1, 1)));
  return f64x2.extract_lane(s, 0) + f64x2.extract_lane(s, 1);
}

/** Vectors added up in f32 before they go on in f64. */
const BLOCK: usize = 16 * 32;

/** Sum of `count` numbers: a few in f32, and those sums in f64. */
export function total(at: usize, count: i32): f64 {
  let sum: f64 = 0;
  const end = at + (<usize>(count & ~15) << 2);
  while (at < end) {
    let a = f32x4.splat(0), b = f32x4.splat(0), c = f32x4.splat(0), d = f32x4.splat(0);
    for (const stop = min(end, at + BLOCK); at < stop; at += 64) {
      a = f32x4.add(a, v128.load(at));
      b = f32x4.add(b, v128.load(at, 16));
      c = f32x4.add(c, v128.load(at, 32));
      d = f32x4.add(d, v128.load(at, 48));
    }
    sum += lanes(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)));
  }
  for (let i = count & 15; i > 0; i--, at += 4) sum += <f64>load<f32>(at);
  return sum;
}

/** Sum of squared differences from `mean`. */
export function squares(at: usize, count: i32, mean: f64): f64 {
  const sum = fastSquares(at, count, <f32>mean);
  // Squares of large or tiny f32 are no f32, and NaN may be an infinity that f64 would not meet.
  return sum > 1e-30 && sum < 1e37 ? sum : exactSquares(at, count, mean);
}

function fastSquares(at: usize, count: i32, mean: f32): f64 {
  let sum: f64 = 0;
  const m = f32x4.splat(mean);
  const end = at + (<usize>(count & ~15) << 2);
  while (at < end) {
    let a = f32x4.splat(0), b = f32x4.splat(0), c = f32x4.splat(0), d = f32x4.splat(0);
    for (const stop = min(end, at + BLOCK); at < stop; at += 64) {
      const p = f32x4.sub(v128.load(at), m);
      const q = f32x4.sub(v128.load(at, 16), m);
      a = madd(p, p, a);
      b = madd(q, q, b);
      const r = f32x4.sub(v128.load(at, 32), m);
      const s = f32x4.sub(v128.load(at, 48), m);
      c = madd(r, r, c);
      d = madd(s, s, d);
    }
    sum += lanes(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)));
  }
  for (let i = count & 15; i > 0; i--, at += 4) {
    const d = <f64>(load<f32>(at) - mean);
    sum += d * d;
  }
  return sum;
}

function exactSquares(at: usize, count: i32, mean: f64): f64 {
  let sum: f64 = 0;
  for (let i = 0; i < count; i++, at += 4) {
    const d = <f64>load<f32>(at) - mean;
    sum += d * d;
  }
  return sum;
}
