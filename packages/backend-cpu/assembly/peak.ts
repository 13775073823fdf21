/** Multiplies and adds in registers alone: the most SIMD128 can do. 10 chains x 4 lanes x 2 operations per pass. */
export function peak(passes: i32, factor: f32): f32 {
  const f = f32x4.splat(factor);
  const g = f32x4.splat(1 - factor);
  let a = f32x4.splat(1), b = f32x4.splat(2), c = f32x4.splat(3), d = f32x4.splat(4);
  let e = f32x4.splat(5), h = f32x4.splat(6), i = f32x4.splat(7), j = f32x4.splat(8);
  let k = f32x4.splat(9), l = f32x4.splat(10);
  for (; passes > 0; passes--) {
    a = f32x4.add(f32x4.mul(a, f), g);
    b = f32x4.add(f32x4.mul(b, f), g);
    c = f32x4.add(f32x4.mul(c, f), g);
    d = f32x4.add(f32x4.mul(d, f), g);
    e = f32x4.add(f32x4.mul(e, f), g);
    h = f32x4.add(f32x4.mul(h, f), g);
    i = f32x4.add(f32x4.mul(i, f), g);
    j = f32x4.add(f32x4.mul(j, f), g);
    k = f32x4.add(f32x4.mul(k, f), g);
    l = f32x4.add(f32x4.mul(l, f), g);
  }
  const s = f32x4.add(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)), f32x4.add(f32x4.add(e, h), f32x4.add(i, j)));
  return f32x4.extract_lane(f32x4.add(s, f32x4.add(k, l)), 0);
}
