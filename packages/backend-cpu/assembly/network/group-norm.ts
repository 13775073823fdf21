import { Modulation, modulationRow } from "./modulate";
import { activateRow, combineAffine, writeRow } from "./norm-row";
import { squares, total } from "./statistics";

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
