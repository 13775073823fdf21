import { exp2, log, LOG2E, madd, sum4, top4 } from "../math";
import { dotFour } from "../rows";

@inline function lane(v: v128, i: i32): v128 {
  if (i == 0) return i32x4.shuffle(v, v, 0, 0, 0, 0);
  if (i == 1) return i32x4.shuffle(v, v, 1, 1, 1, 1);
  if (i == 2) return i32x4.shuffle(v, v, 2, 2, 2, 2);
  return i32x4.shuffle(v, v, 3, 3, 3, 3);
}

/** p of four tokens at an anchor; stores m = L - s a.k~ at `mass` (see `softmax` in summarize.ts for its form). */
@inline export function weighFour(
  anchor: usize,
  keys: usize,
  offsets: usize,
  scale: f32,
  row: usize,
  mass: usize,
): v128 {
  const p = keys + <usize>load<u32>(offsets), q = keys + <usize>load<u32>(offsets, 4);
  const r = keys + <usize>load<u32>(offsets, 8), t = keys + <usize>load<u32>(offsets, 12);
  const z = f32x4.mul(f32x4.splat(scale), dotFour(anchor, p, q, r, t, row));
  const below = f32x4.pmax(f32x4.sub(z, top4(z)), f32x4.splat(-80));
  const e = exp2(f32x4.mul(below, f32x4.splat(LOG2E)));
  const total = sum4(e);
  store<f32>(mass, <f32>log(<f64>total) - sum4(f32x4.mul(e, below)) / total);
  return f32x4.mul(e, f32x4.splat(1 / total));
}

/** Mean of four rows at `out`, their element-wise second moment about it at `spread` unless that is 0; returns its sum. */
export function meanFour(from: usize, offsets: usize, w: v128, out: usize, spread: usize, row: usize): f32 {
  let a = from + <usize>load<u32>(offsets), b = from + <usize>load<u32>(offsets, 4);
  let c = from + <usize>load<u32>(offsets, 8), d = from + <usize>load<u32>(offsets, 12);
  const w0 = lane(w, 0), w1 = lane(w, 1), w2 = lane(w, 2), w3 = lane(w, 3);
  let total = f32x4.splat(0);
  const end = out + row;
  do {
    const x = v128.load(a), y = v128.load(b), z = v128.load(c), t = v128.load(d);
    const mean = madd(w3, t, madd(w2, z, madd(w1, y, f32x4.mul(w0, x))));
    v128.store(out, mean);
    const ex = f32x4.sub(x, mean), ey = f32x4.sub(y, mean), ez = f32x4.sub(z, mean), et = f32x4.sub(t, mean);
    let s = f32x4.mul(w0, f32x4.mul(ex, ex));
    s = madd(w1, f32x4.mul(ey, ey), s);
    s = madd(w2, f32x4.mul(ez, ez), s);
    s = madd(w3, f32x4.mul(et, et), s);
    if (spread != 0) {
      v128.store(spread, s);
      spread += 16;
    } else total = f32x4.add(total, s);
    a += 16;
    b += 16;
    c += 16;
    d += 16;
    out += 16;
  } while (out < end);
  return sum4(total);
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
