/**
 * Multiplies and adds in registers alone, in equal number and independent of each other: the most that SIMD128
 * without fused operations can do. 12 chains x 4 lanes per pass.
 */
export function peak(passes: i32, factor: f32): f32 {
  const f = f32x4.splat(factor);
  let a = f32x4.splat(1), b = f32x4.splat(2), c = f32x4.splat(3);
  let d = f32x4.splat(4), e = f32x4.splat(5), g = f32x4.splat(6);
  let h = f32x4.splat(1), i = f32x4.splat(2), j = f32x4.splat(3);
  let k = f32x4.splat(4), l = f32x4.splat(5), m = f32x4.splat(6);
  for (; passes > 0; passes--) {
    a = f32x4.mul(a, f);
    h = f32x4.add(h, f);
    b = f32x4.mul(b, f);
    i = f32x4.add(i, f);
    c = f32x4.mul(c, f);
    j = f32x4.add(j, f);
    d = f32x4.mul(d, f);
    k = f32x4.add(k, f);
    e = f32x4.mul(e, f);
    l = f32x4.add(l, f);
    g = f32x4.mul(g, f);
    m = f32x4.add(m, f);
  }
  const s = f32x4.add(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)), f32x4.add(f32x4.add(e, g), f32x4.add(h, i)));
  const t = f32x4.add(f32x4.add(j, k), f32x4.add(l, m));
  return f32x4.extract_lane(f32x4.add(s, t), 0);
}
