import { Modulation, modulationRow } from "./modulate";
import { activateRow, combineAffine, writeRow } from "./norm-row";
import { squares, total } from "./statistics";

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

/** Mean (0 but for `layer`) and factor of a row, by kind. */
@inline function factorOf(kind: i32, sum: f64, width: i32, eps: f64): f64 {
  const mean = sum / <f64>width;
  if (kind == 2) return Math.sqrt(<f64>width) / Math.max(Math.sqrt(sum), eps);
  return 1 / Math.sqrt(mean + eps);
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
