import * as K from "../../src/network/kernels";
import { apply } from "./activation";
import { Modulation, modulationRow } from "./modulate";

@unmanaged
class NormJob {
  x: usize;
  y: usize;
  rows: i32;
  width: i32;
  /** Rows of one unit. */
  chunk: i32;
  /** 0 layer, 1 rms, 2 channel l2. */
  kind: i32;
  eps: f32;
  weight: usize;
  bias: usize;
  shift: usize;
  shiftBy: usize;
  scale: usize;
  scaleBy: usize;
  activation: i32;
}

/** Sum of `count` numbers in f64. */
export function total(at: usize, count: i32): f64 {
  let a = f64x2.splat(0), b = f64x2.splat(0);
  const end = at + (<usize>(count & ~3) << 2);
  for (; at < end; at += 16) {
    const v = v128.load(at);
    a = f64x2.add(a, f64x2.promote_low_f32x4(v));
    b = f64x2.add(b, f64x2.promote_low_f32x4(i64x2.shuffle(v, v, 1, 1)));
  }
  const s = f64x2.add(a, b);
  let sum = f64x2.extract_lane(s, 0) + f64x2.extract_lane(s, 1);
  for (let i = count & 3; i > 0; i--, at += 4) sum += <f64>load<f32>(at);
  return sum;
}

/** Sum of squared differences from `mean` in f64: squares of large or tiny f32 would not be f32. */
export function squares(at: usize, count: i32, mean: f64): f64 {
  let a = f64x2.splat(0), b = f64x2.splat(0);
  const m = f64x2.splat(mean);
  const end = at + (<usize>(count & ~3) << 2);
  for (; at < end; at += 16) {
    const v = v128.load(at);
    const p = f64x2.sub(f64x2.promote_low_f32x4(v), m);
    const q = f64x2.sub(f64x2.promote_low_f32x4(i64x2.shuffle(v, v, 1, 1)), m);
    a = f64x2.add(a, f64x2.mul(p, p));
    b = f64x2.add(b, f64x2.mul(q, q));
  }
  const s = f64x2.add(a, b);
  let sum = f64x2.extract_lane(s, 0) + f64x2.extract_lane(s, 1);
  for (let i = count & 3; i > 0; i--, at += 4) {
    const d = <f64>load<f32>(at) - mean;
    sum += d * d;
  }
  return sum;
}

/** Mean (0 but for `layer`) and factor of a row, by kind. */
@inline function factorOf(kind: i32, sum: f64, width: i32, eps: f64): f64 {
  const mean = sum / <f64>width;
  if (kind == 2) return Math.sqrt(<f64>width) / Math.max(Math.sqrt(sum), eps);
  return 1 / Math.sqrt(mean + eps);
}

/** Writes the row `(x - mean) * factor`, then weight, bias and modulation. The row's end is written number by number. */
export function writeRow(
  from: usize,
  to: usize,
  width: i32,
  mean: f64,
  factor: f64,
  weight: usize,
  bias: usize,
  scale: usize,
  shift: usize,
): void {
  // A factor that no f32 holds, or differences that overflow: two factors that do.
  const first = f32x4.splat(factor > 1e30 ? 1e25 : factor < 1e-30 ? 1e-25 : 1);
  const second = f32x4.splat(<f32>(factor > 1e30 ? factor * 1e-25 : factor < 1e-30 ? factor * 1e25 : factor));
  const m = f32x4.mul(f32x4.splat(<f32>mean), first);
  const bytes = <usize>width << 2;
  for (let x: usize = 0; x < bytes; x += 16) {
    let v = f32x4.mul(f32x4.sub(f32x4.mul(v128.load(from + x), first), m), second);
    if (weight != 0) v = f32x4.mul(v, v128.load(weight + x));
    if (bias != 0) v = f32x4.add(v, v128.load(bias + x));
    if (scale != 0) v = f32x4.mul(v, f32x4.add(f32x4.splat(1), v128.load(scale + x)));
    if (shift != 0) v = f32x4.add(v, v128.load(shift + x));
    if (x + 16 <= bytes) {
      v128.store(to + x, v);
      continue;
    }
    store<f32>(to + x, f32x4.extract_lane(v, 0));
    if (x + 8 <= bytes) store<f32>(to + x, f32x4.extract_lane(v, 1), 4);
    if (x + 12 <= bytes) store<f32>(to + x, f32x4.extract_lane(v, 2), 8);
  }
}

/** Applies an activation to a row in place; its end through scratch. */
export function activateRow(kind: i32, at: usize, width: i32, scratch: usize): void {
  if (kind == K.NONE) return;
  const whole = width & ~3;
  apply(kind, at, at, whole, 0, 0);
  if (whole == width) return;
  const rest = <usize>(width - whole) << 2;
  const end = at + (<usize>whole << 2);
  memory.copy(scratch, end, rest);
  apply(kind, scratch, scratch, 4, 0, 0);
  memory.copy(end, scratch, rest);
}

/** Unit: some rows. */
export function norm(job: usize, unit: i32, scratch: usize): void {
  const j = changetype<NormJob>(job);
  const first = unit * j.chunk;
  const end = min(j.rows, first + j.chunk);
  const bytes = <usize>j.width << 2;
  for (let row = first; row < end; row++) {
    const from = j.x + <usize>row * bytes;
    const to = j.y + <usize>row * bytes;
    const mean = j.kind == 0 ? total(from, j.width) / <f64>j.width : 0;
    const factor = factorOf(j.kind, squares(from, j.width, mean), j.width, <f64>j.eps);
    const scale =
      j.scale != 0 ? j.scale + <usize>modulationRow(changetype<Modulation>(j.scaleBy), row) * bytes : 0;
    const shift =
      j.shift != 0 ? j.shift + <usize>modulationRow(changetype<Modulation>(j.shiftBy), row) * bytes : 0;
    writeRow(from, to, j.width, mean, factor, j.weight, j.bias, scale, shift);
    activateRow(j.activation, to, j.width, scratch);
  }
}

@unmanaged
class GroupJob {
  x: usize;
  y: usize;
  /** Positions of one batch item. */
  positions: i32;
  width: i32;
  groups: i32;
  /** Positions of one unit, and units of one batch item. */
  chunk: i32;
  parts: i32;
  /** f64 `[batch * parts][groups][2]`: sums about the first value of the group, and of squares. */
  sums: usize;
  eps: f32;
  weight: usize;
  bias: usize;
  shift: usize;
  shiftBy: usize;
  scale: usize;
  scaleBy: usize;
  activation: i32;
}

/** The value that sums of a group are taken about: they keep their digits where the mean is large. */
@inline function pivot(j: GroupJob, item: i32, group: i32): f64 {
  const at = item * j.positions * j.width + group * (j.width / j.groups);
  return <f64>load<f32>(j.x + (<usize>at << 2));
}

/** Unit: some positions of a batch item. Sums of every group. */
export function groupSums(job: usize, unit: i32): void {
  const j = changetype<GroupJob>(job);
  const item = unit / j.parts;
  const first = (unit % j.parts) * j.chunk;
  const end = min(j.positions, first + j.chunk);
  const size = j.width / j.groups;
  for (let g = 0; g < j.groups; g++) {
    const about = pivot(j, item, g);
    let sum: f64 = 0;
    let square: f64 = 0;
    for (let p = first; p < end; p++) {
      const at = j.x + (<usize>((item * j.positions + p) * j.width + g * size) << 2);
      sum += total(at, size) - about * <f64>size;
      square += squares(at, size, about);
    }
    const to = j.sums + (<usize>(unit * j.groups + g) << 4);
    store<f64>(to, sum);
    store<f64>(to, square, 8);
  }
}

/** Unit: some positions of a batch item. Normalises them. Scratch: mean, factor of every group, then a row of weights. */
export function groupApply(job: usize, unit: i32, scratch: usize): void {
  const j = changetype<GroupJob>(job);
  const item = unit / j.parts;
  const first = (unit % j.parts) * j.chunk;
  const end = min(j.positions, first + j.chunk);
  const size = j.width / j.groups;
  const bytes = <usize>j.width << 2;
  const statistics = scratch + 16;
  for (let g = 0; g < j.groups; g++) {
    let sum: f64 = 0;
    let square: f64 = 0;
    for (let part = 0; part < j.parts; part++) {
      const at = j.sums + (<usize>((item * j.parts + part) * j.groups + g) << 4);
      sum += load<f64>(at);
      square += load<f64>(at, 8);
    }
    const count = <f64>j.positions * <f64>size;
    const offset = sum / count;
    const variance = Math.max(0, square / count - offset * offset);
    store<f64>(statistics + (<usize>g << 4), pivot(j, item, g) + offset);
    store<f64>(statistics + (<usize>g << 4), 1 / Math.sqrt((isNaN(square) ? square : variance) + <f64>j.eps), 8);
  }
  for (let p = first; p < end; p++) {
    const row = item * j.positions + p;
    const from = j.x + <usize>row * bytes;
    const to = j.y + <usize>row * bytes;
    const scale = j.scale != 0 ? j.scale + <usize>modulationRow(changetype<Modulation>(j.scaleBy), row) * bytes : 0;
    const shift = j.shift != 0 ? j.shift + <usize>modulationRow(changetype<Modulation>(j.shiftBy), row) * bytes : 0;
    for (let g = 0; g < j.groups; g++) {
      const x = <usize>(g * size) << 2;
      const mean = load<f64>(statistics + (<usize>g << 4));
      const factor = load<f64>(statistics + (<usize>g << 4), 8);
      writeRow(
        from + x,
        to + x,
        size,
        mean,
        factor,
        j.weight == 0 ? <usize>0 : j.weight + x,
        j.bias == 0 ? <usize>0 : j.bias + x,
        scale == 0 ? <usize>0 : scale + x,
        shift == 0 ? <usize>0 : shift + x,
      );
    }
    activateRow(j.activation, to, j.width, scratch);
  }
}
