import { total } from "./norm";

@unmanaged
class SumJob {
  a: usize;
  b: usize;
  count: i32;
  chunk: i32;
  /** f64 per unit. */
  sums: usize;
  units: i32;
  y: usize;
}

/** Unit: a chunk of numbers. Sum of |a - b|, or |a|, in f64. */
export function sumAbsolute(job: usize, unit: i32): void {
  const j = changetype<SumJob>(job);
  const first = unit * j.chunk;
  const count = min(j.chunk, j.count - first);
  const a = j.a + (<usize>first << 2);
  const b = j.b == 0 ? <usize>0 : j.b + (<usize>first << 2);
  let s = f64x2.splat(0);
  const bytes = <usize>(count & ~3) << 2;
  let x: usize = 0;
  for (; x < bytes; x += 16) {
    let v = v128.load(a + x);
    if (b != 0) v = f32x4.sub(v, v128.load(b + x));
    v = f32x4.abs(v);
    s = f64x2.add(s, f64x2.add(f64x2.promote_low_f32x4(v), f64x2.promote_low_f32x4(i64x2.shuffle(v, v, 1, 1))));
  }
  let sum = f64x2.extract_lane(s, 0) + f64x2.extract_lane(s, 1);
  for (const end = <usize>count << 2; x < end; x += 4)
    sum += abs(<f64>(b != 0 ? load<f32>(a + x) - load<f32>(b + x) : load<f32>(a + x)));
  store<f64>(j.sums + (<usize>unit << 3), sum);
}

/** Unit: all of it. Adds the sums of the units up. */
export function finishMean(job: usize): void {
  const j = changetype<SumJob>(job);
  let sum: f64 = 0;
  for (let i = 0; i < j.units; i++) sum += load<f64>(j.sums + (<usize>i << 3));
  store<f32>(j.y, <f32>(sum / <f64>j.count));
}

@unmanaged
class MeanJob {
  x: usize;
  y: usize;
  rows: i32;
  width: i32;
  chunk: i32;
}

/** Unit: some rows. */
export function mean(job: usize, unit: i32): void {
  const j = changetype<MeanJob>(job);
  const end = min(j.rows, (unit + 1) * j.chunk);
  for (let row = unit * j.chunk; row < end; row++) {
    const sum = total(j.x + (<usize>row * <usize>j.width << 2), j.width);
    store<f32>(j.y + (<usize>row << 2), <f32>(sum / <f64>j.width));
  }
}
