import * as K from "../../src/network/kernels";
import { madd } from "../math";
import { apply } from "./activation";

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
export function combineAffine(to: usize, width: i32, weight: usize, bias: usize, scale: usize, shift: usize): void {
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
