import * as K from "../../src/network/kernels";
import { madd } from "../math";
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

/** Mean (0 but for `layer`) and factor of a row, by kind. */
@inline function factorOf(kind: i32, sum: f64, width: i32, eps: f64): f64 {
  const mean = sum / <f64>width;
  if (kind == 2) return Math.sqrt(<f64>width) / Math.max(Math.sqrt(sum), eps);
  return 1 / Math.sqrt(mean + eps);
}

/** Writes the row `(x - mean) * factor * gain + offset`; `gain` and `offset` may be absent. */
export function writeRow(from: usize, to: usize, width: i32, mean: f64, factor: f64, gain: usize, offset: usize): void {
  const m = f32x4.splat(<f32>mean);
  // A factor that no f32 holds is applied in two parts.
  const extreme = factor > 1e30 || factor < 1e-30;
  const first: f64 = factor > 1e30 ? 1e25 : 1e-25;
  const f = f32x4.splat(<f32>(extreme ? factor / first : factor));
  const bytes = <usize>width << 2;
  const whole = bytes & ~15;
  let x: usize = 0;
  if (extreme) {
    const g = f32x4.splat(<f32>first);
    for (; x < whole; x += 16) {
      let v = f32x4.mul(f32x4.mul(f32x4.sub(v128.load(from + x), m), g), f);
      if (gain != 0) v = f32x4.mul(v, v128.load(gain + x));
      if (offset != 0) v = f32x4.add(v, v128.load(offset + x));
      v128.store(to + x, v);
    }
  } else if (gain == 0 && offset == 0) {
    for (; x < whole; x += 16) v128.store(to + x, f32x4.mul(f32x4.sub(v128.load(from + x), m), f));
  } else if (offset == 0) {
    for (; x < whole; x += 16)
      v128.store(to + x, f32x4.mul(f32x4.mul(f32x4.sub(v128.load(from + x), m), f), v128.load(gain + x)));
  } else if (gain == 0) {
    for (; x < whole; x += 16)
      v128.store(to + x, f32x4.add(f32x4.mul(f32x4.sub(v128.load(from + x), m), f), v128.load(offset + x)));
  } else {
    for (; x < whole; x += 16) {
      const v = f32x4.mul(f32x4.sub(v128.load(from + x), m), f);
      v128.store(to + x, madd(v, v128.load(gain + x), v128.load(offset + x)));
    }
  }
  for (; x < bytes; x += 4) {
    let v = <f64>(load<f32>(from + x) - <f32>mean) * factor;
    if (gain != 0) v *= <f64>load<f32>(gain + x);
    if (offset != 0) v += <f64>load<f32>(offset + x);
    store<f32>(to + x, <f32>v);
  }
}

/** gain = weight * (1 + scale), offset = bias * (1 + scale) + shift; any of the four may be absent. */
function combineAffine(to: usize, width: i32, weight: usize, bias: usize, scale: usize, shift: usize): void {
  const one = f32x4.splat(1);
  const offsets = to + (<usize>((width + 3) & ~3) << 2);
  for (let x: usize = 0, bytes = <usize>width << 2; x < bytes; x += 16) {
    const s = scale == 0 ? one : f32x4.add(one, v128.load(scale + x));
    v128.store(to + x, weight == 0 ? s : f32x4.mul(v128.load(weight + x), s));
    let o = bias == 0 ? f32x4.splat(0) : f32x4.mul(v128.load(bias + x), s);
    if (shift != 0) o = f32x4.add(o, v128.load(shift + x));
    v128.store(offsets + x, o);
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
  const modulated = j.scale != 0 || j.shift != 0;
  const affine = scratch + 64;
  const gain = modulated ? affine : j.weight;
  const offset = modulated ? affine + ((bytes + 12) & ~15) : j.bias;
  let lastScale: usize = 1, lastShift: usize = 1;
  for (let row = first; row < end; row++) {
    const from = j.x + <usize>row * bytes;
    const to = j.y + <usize>row * bytes;
    const mean = j.kind == 0 ? total(from, j.width) / <f64>j.width : 0;
    const factor = factorOf(j.kind, squares(from, j.width, mean), j.width, <f64>j.eps);
    const scale =
      j.scale != 0 ? j.scale + <usize>modulationRow(changetype<Modulation>(j.scaleBy), row) * bytes : 0;
    const shift =
      j.shift != 0 ? j.shift + <usize>modulationRow(changetype<Modulation>(j.shiftBy), row) * bytes : 0;
    if (modulated && (scale != lastScale || shift != lastShift)) {
      combineAffine(affine, j.width, j.weight, j.bias, scale, shift);
      lastScale = scale;
      lastShift = shift;
    }
    writeRow(from, to, j.width, mean, factor, gain, offset);
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

/** Unit: some positions of a batch item. Normalises them: channel by channel a gain and an offset, of all that is constant. */
export function groupApply(job: usize, unit: i32, scratch: usize): void {
  const j = changetype<GroupJob>(job);
  const item = unit / j.parts;
  const first = (unit % j.parts) * j.chunk;
  const end = min(j.positions, first + j.chunk);
  const size = j.width / j.groups;
  const bytes = <usize>j.width << 2;
  const affine = scratch + 64;
  const offsets = affine + ((bytes + 12) & ~15);
  const statistics = offsets + ((bytes + 12) & ~15);
  for (let g = 0; g < j.groups; g++) groupStatistics(j, item, g, size, statistics + (<usize>g << 4));
  const modulated = j.scale != 0 || j.shift != 0;
  let lastScale: usize = 1, lastShift: usize = 1;
  for (let p = first; p < end; p++) {
    const row = item * j.positions + p;
    const scale = j.scale != 0 ? j.scale + <usize>modulationRow(changetype<Modulation>(j.scaleBy), row) * bytes : 0;
    const shift = j.shift != 0 ? j.shift + <usize>modulationRow(changetype<Modulation>(j.shiftBy), row) * bytes : 0;
    if (modulated && (scale != lastScale || shift != lastShift)) {
      combineAffine(affine, j.width, j.weight, j.bias, scale, shift);
      lastScale = scale;
      lastShift = shift;
    }
    const gain = modulated ? affine : j.weight;
    const offset = modulated ? offsets : j.bias;
    const to = j.y + <usize>row * bytes;
    for (let g = 0; g < j.groups; g++) {
      const x = <usize>(g * size) << 2;
      const mean = load<f64>(statistics + (<usize>g << 4));
      const factor = load<f64>(statistics + (<usize>g << 4), 8);
      const from = j.x + <usize>row * bytes + x;
      writeRow(from, to + x, size, mean, factor, gain == 0 ? <usize>0 : gain + x, offset == 0 ? <usize>0 : offset + x);
    }
    activateRow(j.activation, to, j.width, scratch);
  }
}

/** Mean and factor of a group, from the sums of all units. */
function groupStatistics(j: GroupJob, item: i32, g: i32, size: i32, to: usize): void {
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
  store<f64>(to, pivot(j, item, g) + offset);
  store<f64>(to, 1 / Math.sqrt((isNaN(square) ? square : variance) + <f64>j.eps), 8);
}
