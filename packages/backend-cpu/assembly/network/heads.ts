import { squares, total, writeRow } from "./norm";

@unmanaged
class HeadsJob {
  x: usize;
  y: usize;
  batch: i32;
  tokens: i32;
  text: i32;
  heads: i32;
  width: i32;
  /** Tokens of one unit, and units of a batch item. */
  chunk: i32;
  parts: i32;
  /** 0 none, 1 rms, 2 layer. */
  norm: i32;
  across: i32;
  eps: f32;
  weight: usize;
  bias: usize;
  /** 0 none, 1 interleaved, 2 half. */
  rotary: i32;
  cos: usize;
  sin: usize;
  rotated: i32;
  order: usize;
  textX: usize;
  textWeight: usize;
  textBias: usize;
}

/** Normalises `count` groups of `width` numbers; over all of them where `across`. */
function normalise(j: HeadsJob, from: usize, to: usize, weight: usize, bias: usize): void {
  const d = j.across ? j.heads * j.width : j.width;
  const groups = j.across ? 1 : j.heads;
  for (let g = 0; g < groups; g++, from += <usize>d << 2, to += <usize>d << 2) {
    const mean = j.norm == 2 ? total(from, d) / <f64>d : 0;
    const factor = 1 / Math.sqrt(squares(from, d, mean) / <f64>d + <f64>j.eps);
    writeRow(from, to, d, mean, factor, weight, bias, 0, 0);
  }
}

/** Pairs (2i, 2i + 1) turn by the angles. */
function rotateInterleaved(from: usize, to: usize, d: i32, cos: usize, sin: usize): void {
  const end = from + (<usize>(d & ~3) << 2);
  for (; from < end; from += 16, to += 16, cos += 8, sin += 8) {
    const x = v128.load(from);
    const swapped = i32x4.shuffle(x, x, 1, 0, 3, 2);
    const c = v128.load64_zero(cos), s = v128.load64_zero(sin);
    const cc = i32x4.shuffle(c, c, 0, 0, 1, 1);
    const ss = v128.xor(i32x4.shuffle(s, s, 0, 0, 1, 1), i32x4(<i32>0x80000000, 0, <i32>0x80000000, 0));
    v128.store(to, f32x4.add(f32x4.mul(x, cc), f32x4.mul(swapped, ss)));
  }
  if (d & 2) {
    const a = load<f32>(from), b = load<f32>(from, 4);
    const c = load<f32>(cos), s = load<f32>(sin);
    store<f32>(to, a * c - b * s);
    store<f32>(to, b * c + a * s, 4);
  }
}

/** Pairs (i, i + d / 2) turn by the angles. */
function rotateHalf(from: usize, to: usize, d: i32, cos: usize, sin: usize): void {
  const half = <usize>(d >> 1) << 2;
  let x: usize = 0;
  for (; x + 16 <= half; x += 16) {
    const a = v128.load(from + x), b = v128.load(from + half + x);
    const c = v128.load(cos + x), s = v128.load(sin + x);
    v128.store(to + x, f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s)));
    v128.store(to + half + x, f32x4.add(f32x4.mul(b, c), f32x4.mul(a, s)));
  }
  for (; x < half; x += 4) {
    const a = load<f32>(from + x), b = load<f32>(from + half + x);
    const c = load<f32>(cos + x), s = load<f32>(sin + x);
    store<f32>(to + x, a * c - b * s);
    store<f32>(to + half + x, b * c + a * s);
  }
}

/** Unit: some tokens of a batch item, text behind the others. Scratch: one row of all heads. */
export function heads(job: usize, unit: i32, scratch: usize): void {
  const j = changetype<HeadsJob>(job);
  const item = unit / j.parts;
  const all = j.tokens + j.text;
  const first = (unit % j.parts) * j.chunk;
  const end = min(all, first + j.chunk);
  const d = <usize>j.width << 2;
  const row = d * <usize>j.heads;
  for (let i = first; i < end; i++) {
    const isText = i >= j.tokens;
    const token = isText ? i - j.tokens : j.order != 0 ? load<i32>(j.order + (<usize>i << 2)) : i;
    let from = isText ? j.textX + <usize>(item * j.text + token) * row : j.x + <usize>(item * j.tokens + token) * row;
    if (j.norm != 0) {
      const own = isText && j.textWeight != 0;
      normalise(j, from, scratch, own ? j.textWeight : j.weight, isText && j.textBias != 0 ? j.textBias : j.bias);
      from = scratch;
    }
    const angle = <usize>token * (d >> 1);
    const turns = j.rotary != 0 && !isText && token < j.rotated;
    let to = j.y + <usize>(item * j.heads * all + i) * d;
    for (let h = 0; h < j.heads; h++, from += d, to += <usize>all * d) {
      if (!turns) memory.copy(to, from, d);
      else if (j.rotary == 1) rotateInterleaved(from, to, j.width, j.cos + angle, j.sin + angle);
      else rotateHalf(from, to, j.width, j.cos + angle, j.sin + angle);
    }
  }
}

@unmanaged
class MergeJob {
  x: usize;
  y: usize;
  textY: usize;
  tokens: i32;
  text: i32;
  heads: i32;
  /** Bytes of a token of one head. */
  bytes: i32;
  chunk: i32;
  parts: i32;
  order: usize;
}

/** Unit: some tokens of a batch item. */
export function merge(job: usize, unit: i32): void {
  const j = changetype<MergeJob>(job);
  const item = unit / j.parts;
  const all = j.tokens + j.text;
  const first = (unit % j.parts) * j.chunk;
  const end = min(all, first + j.chunk);
  const bytes = <usize>j.bytes;
  const row = bytes * <usize>j.heads;
  for (let i = first; i < end; i++) {
    const isText = i >= j.tokens;
    const token = isText ? i - j.tokens : j.order != 0 ? load<i32>(j.order + (<usize>i << 2)) : i;
    let to = isText ? j.textY + <usize>(item * j.text + token) * row : j.y + <usize>(item * j.tokens + token) * row;
    let from = j.x + <usize>(item * j.heads * all + i) * bytes;
    for (let h = 0; h < j.heads; h++, to += bytes, from += <usize>all * bytes) memory.copy(to, from, bytes);
  }
}
