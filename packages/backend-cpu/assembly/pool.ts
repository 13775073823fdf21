import * as L from "../src/job-layout";
import { rowsOf } from "./convert";
import { at, filled, int, rowBytes } from "./job";

/** Unit: a visual block. Means and mean absolute deviations (algorithm.md section 2), those that have a place. */
export function pool(job: usize, block: i32, scratch: usize): void {
  average(job, block, scratch, L.QUERY, at(job, L.QUERY_MEAN), at(job, L.QUERY_DEVIATION));
  average(job, block, scratch, L.KEY, at(job, L.KEY_MEAN), at(job, L.KEY_DEVIATION));
  average(job, block, scratch, L.VALUE, at(job, L.VALUE_MEAN), 0);
}

function average(job: usize, block: i32, scratch: usize, source: i32, means: usize, deviations: usize): void {
  if (means == 0) return;
  const row = rowBytes(job);
  const size = int(job, L.BLOCK_SIZE);
  const valid = filled(job, block);
  const divisor = int(job, L.ZERO_PADDING) ? size : valid;
  const rows = rowsOf(job, source, block * size, valid, scratch);
  const out = <usize>block * row;
  const bytes = <usize>valid * row;
  const share = f32x4.splat(1 / <f32>divisor);
  // The zero rows of the original's padding deviate by the mean itself.
  const padding = f32x4.splat(<f32>(divisor - valid));
  for (let x: usize = 0; x < row; x += 64) {
    const first = rows + x;
    let a = f32x4.splat(0), b = f32x4.splat(0), c = f32x4.splat(0), d = f32x4.splat(0);
    for (let p = first, end = first + bytes; p < end; p += row) {
      a = f32x4.add(a, v128.load(p));
      b = f32x4.add(b, v128.load(p, 16));
      c = f32x4.add(c, v128.load(p, 32));
      d = f32x4.add(d, v128.load(p, 48));
    }
    a = f32x4.mul(a, share);
    b = f32x4.mul(b, share);
    c = f32x4.mul(c, share);
    d = f32x4.mul(d, share);
    store4(means + out + x, a, b, c, d);
    if (deviations == 0) continue;
    let e = f32x4.mul(padding, f32x4.abs(a)), f = f32x4.mul(padding, f32x4.abs(b));
    let g = f32x4.mul(padding, f32x4.abs(c)), h = f32x4.mul(padding, f32x4.abs(d));
    for (let p = first, end = first + bytes; p < end; p += row) {
      e = f32x4.add(e, f32x4.abs(f32x4.sub(v128.load(p), a)));
      f = f32x4.add(f, f32x4.abs(f32x4.sub(v128.load(p, 16), b)));
      g = f32x4.add(g, f32x4.abs(f32x4.sub(v128.load(p, 32), c)));
      h = f32x4.add(h, f32x4.abs(f32x4.sub(v128.load(p, 48), d)));
    }
    const to = deviations + out + x;
    store4(to, f32x4.mul(e, share), f32x4.mul(f, share), f32x4.mul(g, share), f32x4.mul(h, share));
  }
}

@inline function store4(to: usize, a: v128, b: v128, c: v128, d: v128): void {
  v128.store(to, a);
  v128.store(to, b, 16);
  v128.store(to, c, 32);
  v128.store(to, d, 48);
}

/** Unit: a group. The mean of its valid queries (beyond.md section 2). */
export function anchor(job: usize, group: i32): void {
  const row = rowBytes(job);
  const size = int(job, L.GROUP);
  const first = group * size;
  const end = min(int(job, L.VISUAL_BLOCKS), first + size);
  const padded = int(job, L.ZERO_PADDING);
  const means = at(job, L.QUERY_MEAN);
  const out = at(job, L.ANCHOR) + <usize>group * row;
  for (let x: usize = 0; x < row; x += 16) {
    let sum = f32x4.splat(0);
    let count = 0;
    for (let i = first; i < end; i++) {
      const valid = filled(job, i);
      const weight = f32x4.splat(<f32>(padded ? int(job, L.BLOCK_SIZE) : valid));
      sum = f32x4.add(sum, f32x4.mul(weight, v128.load(means + <usize>i * row + x)));
      count += valid;
    }
    v128.store(out + x, f32x4.div(sum, f32x4.splat(<f32>count)));
  }
}

/** Unit: a visual block. Second moment of its queries about the anchor of its group. */
export function spread(job: usize, block: i32, scratch: usize): void {
  const row = rowBytes(job);
  const valid = filled(job, block);
  const rows = rowsOf(job, L.QUERY, block * int(job, L.BLOCK_SIZE), valid, scratch);
  const about = at(job, L.ANCHOR) + <usize>(block / int(job, L.GROUP)) * row;
  const out = at(job, L.QUERY_SPREAD) + <usize>block * row;
  const bytes = <usize>valid * row;
  const share = f32x4.splat(1 / <f32>valid);
  for (let x: usize = 0; x < row; x += 32) {
    const m = v128.load(about + x);
    const n = v128.load(about + x, 16);
    let a = f32x4.splat(0), b = f32x4.splat(0);
    for (let p = rows + x, end = p + bytes; p < end; p += row) {
      const u = f32x4.sub(v128.load(p), m);
      const v = f32x4.sub(v128.load(p, 16), n);
      a = f32x4.add(a, f32x4.mul(u, u));
      b = f32x4.add(b, f32x4.mul(v, v));
    }
    v128.store(out + x, f32x4.mul(a, share));
    v128.store(out + x, f32x4.mul(b, share), 16);
  }
}
