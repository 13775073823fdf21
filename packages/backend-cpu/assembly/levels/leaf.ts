import { exp2, LOG2E, madd, sum4 } from "../math";

@inline export function lane(v: v128, i: i32): v128 {
  if (i == 0) return i32x4.shuffle(v, v, 0, 0, 0, 0);
  if (i == 1) return i32x4.shuffle(v, v, 1, 1, 1, 1);
  if (i == 2) return i32x4.shuffle(v, v, 2, 2, 2, 2);
  return i32x4.shuffle(v, v, 3, 3, 3, 3);
}

/**
 * Weights p of the tokens of four leaves of four, from their logits; the weights replace the logits, and `mass` gets
 * m = L - s a.k~ in the form log sum exp(z - top) - sum p (z - top), which keeps its digits however large z is. Four
 * leaves at a time: one alone would wait for every step.
 */
@inline export function weighLeaves(z: usize, mass: usize): void {
  const a = v128.load(z), b = v128.load(z, 16), c = v128.load(z, 32), d = v128.load(z, 48);
  // Lane i belongs to leaf i.
  const ab = i32x4.shuffle(a, b, 0, 4, 1, 5), cd = i32x4.shuffle(c, d, 0, 4, 1, 5);
  const AB = i32x4.shuffle(a, b, 2, 6, 3, 7), CD = i32x4.shuffle(c, d, 2, 6, 3, 7);
  let x = i32x4.shuffle(ab, cd, 0, 1, 4, 5), y = i32x4.shuffle(ab, cd, 2, 3, 6, 7);
  let u = i32x4.shuffle(AB, CD, 0, 1, 4, 5), t = i32x4.shuffle(AB, CD, 2, 3, 6, 7);
  const top = f32x4.pmax(f32x4.pmax(x, y), f32x4.pmax(u, t));
  const least = f32x4.splat(-80), base2 = f32x4.splat(LOG2E);
  x = f32x4.pmax(f32x4.sub(x, top), least);
  y = f32x4.pmax(f32x4.sub(y, top), least);
  u = f32x4.pmax(f32x4.sub(u, top), least);
  t = f32x4.pmax(f32x4.sub(t, top), least);
  const ex = exp2(f32x4.mul(x, base2)), ey = exp2(f32x4.mul(y, base2));
  const eu = exp2(f32x4.mul(u, base2)), et = exp2(f32x4.mul(t, base2));
  const total = f32x4.add(f32x4.add(ex, ey), f32x4.add(eu, et));
  const share = f32x4.div(f32x4.splat(1), total);
  const along = madd(et, t, madd(eu, u, madd(ey, y, f32x4.mul(ex, x))));
  v128.store(mass, f32x4.sub(logs(total), f32x4.mul(along, share)));
  const p = f32x4.mul(ex, share), q = f32x4.mul(ey, share), r = f32x4.mul(eu, share), s = f32x4.mul(et, share);
  const pq = i32x4.shuffle(p, q, 0, 4, 1, 5), rs = i32x4.shuffle(r, s, 0, 4, 1, 5);
  const PQ = i32x4.shuffle(p, q, 2, 6, 3, 7), RS = i32x4.shuffle(r, s, 2, 6, 3, 7);
  v128.store(z, i32x4.shuffle(pq, rs, 0, 1, 4, 5));
  v128.store(z, i32x4.shuffle(pq, rs, 2, 3, 6, 7), 16);
  v128.store(z, i32x4.shuffle(PQ, RS, 0, 1, 4, 5), 32);
  v128.store(z, i32x4.shuffle(PQ, RS, 2, 3, 6, 7), 48);
}

/** Natural logarithms of numbers from 1 to 4; the series of atanh about a mantissa in [sqrt 1/2, sqrt 2). */
@inline export function logs(x: v128): v128 {
  const bits = i32x4.sub(x, i32x4.splat(0x3f3504f3));
  const exponent = i32x4.shr_s(bits, 23);
  const m = i32x4.sub(x, i32x4.shl(exponent, 23));
  const one = f32x4.splat(1);
  const z = f32x4.div(f32x4.sub(m, one), f32x4.add(m, one));
  const w = f32x4.mul(z, z);
  let series = madd(w, f32x4.splat(0.11111111), f32x4.splat(0.14285714));
  series = madd(w, series, f32x4.splat(0.2));
  series = madd(w, series, f32x4.splat(0.33333333));
  series = madd(w, series, one);
  const two = f32x4.splat(2);
  return madd(f32x4.convert_i32x4_s(exponent), f32x4.splat(0.6931471805599453), f32x4.mul(two, f32x4.mul(z, series)));
}

/** Mean of four rows at `out`, and their element-wise second moment about it at `spread`. */
export function meanAndSpread(from: usize, offsets: usize, w: v128, out: usize, spread: usize, row: usize): void {
  let a = from + <usize>load<u32>(offsets), b = from + <usize>load<u32>(offsets, 4);
  let c = from + <usize>load<u32>(offsets, 8), d = from + <usize>load<u32>(offsets, 12);
  const w0 = lane(w, 0), w1 = lane(w, 1), w2 = lane(w, 2), w3 = lane(w, 3);
  const end = out + row;
  do {
    const x = v128.load(a), y = v128.load(b), z = v128.load(c), t = v128.load(d);
    const mean = f32x4.add(madd(w1, y, f32x4.mul(w0, x)), madd(w3, t, f32x4.mul(w2, z)));
    v128.store(out, mean);
    const ex = f32x4.sub(x, mean), ey = f32x4.sub(y, mean), ez = f32x4.sub(z, mean), et = f32x4.sub(t, mean);
    const front = madd(w1, f32x4.mul(ey, ey), f32x4.mul(w0, f32x4.mul(ex, ex)));
    v128.store(spread, f32x4.add(front, madd(w3, f32x4.mul(et, et), f32x4.mul(w2, f32x4.mul(ez, ez)))));
    a += 16;
    b += 16;
    c += 16;
    d += 16;
    out += 16;
    spread += 16;
  } while (out < end);
}

/** Mean of four rows at `out`; the squared length of it at `square`, and the sum of the second moments at `noise`. */
export function meanAndNoise(
  from: usize,
  offsets: usize,
  w: v128,
  out: usize,
  square: usize,
  noise: usize,
  row: usize,
): void {
  let a = from + <usize>load<u32>(offsets), b = from + <usize>load<u32>(offsets, 4);
  let c = from + <usize>load<u32>(offsets, 8), d = from + <usize>load<u32>(offsets, 12);
  const w0 = lane(w, 0), w1 = lane(w, 1), w2 = lane(w, 2), w3 = lane(w, 3);
  let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0), length = f32x4.splat(0);
  const end = out + row;
  do {
    const x = v128.load(a), y = v128.load(b), z = v128.load(c), t = v128.load(d);
    const mean = f32x4.add(madd(w1, y, f32x4.mul(w0, x)), madd(w3, t, f32x4.mul(w2, z)));
    v128.store(out, mean);
    length = madd(mean, mean, length);
    const ex = f32x4.sub(x, mean), ey = f32x4.sub(y, mean), ez = f32x4.sub(z, mean), et = f32x4.sub(t, mean);
    s0 = madd(ex, ex, s0);
    s1 = madd(ey, ey, s1);
    s2 = madd(ez, ez, s2);
    s3 = madd(et, et, s3);
    a += 16;
    b += 16;
    c += 16;
    d += 16;
    out += 16;
  } while (out < end);
  store<f32>(square, sum4(length));
  store<f32>(noise, sum4(madd(w0, s0, madd(w1, s1, madd(w2, s2, f32x4.mul(w3, s3))))));
}

/** Mean of four of the projected tokens; `tokens` are their indices, `first` is that of `from`. */
export function projectFour(from: usize, tokens: usize, first: i32, w: v128, out: usize): void {
  const a = from + (<usize>(load<i32>(tokens) - first) << 6), b = from + (<usize>(load<i32>(tokens, 4) - first) << 6);
  const c = from + (<usize>(load<i32>(tokens, 8) - first) << 6), d = from + (<usize>(load<i32>(tokens, 12) - first) << 6);
  const w0 = lane(w, 0), w1 = lane(w, 1), w2 = lane(w, 2), w3 = lane(w, 3);
  for (let x: usize = 0; x < 64; x += 16) {
    const first = madd(w1, v128.load(b + x), f32x4.mul(w0, v128.load(a + x)));
    v128.store(out + x, madd(w3, v128.load(d + x), madd(w2, v128.load(c + x), first)));
  }
}
