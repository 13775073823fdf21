import * as L from "../job-layout.js";
import { dot, type Job, rowsOf } from "./heap.js";

/** Unit: a visual block. Its slot order, so that each run of blockSize / c slots is compact (docs/tail.md#strata). */
export function strata(job: Job, block: number, scratch: number): void {
  const { heap, blockSize: B, headDim: d } = job;
  const { f32, i32 } = heap;
  const order = job.words(L.ORDER) + block * B;
  const valid = job.filled(block);
  for (let slot = 0; slot < B; slot++) i32[order + slot] = block * B + slot;
  const kind = job.int(L.STRATA_KIND);
  if (kind === 2) return;
  const keys = rowsOf(job, L.KEY, block * B, valid, scratch >>> 2);
  const work = (scratch >>> 2) + B * d;
  const row = (token: number) => keys + (token - block * B) * d;
  const parts = job.int(L.STRATA_PER_BLOCK);
  let level = 0;
  for (let size = B; size > B / parts; size >>= 1, level++)
    for (let start = 0; start < B; start += size) {
      const list = i32.subarray(order + start, order + start + size);
      const count = Math.max(0, Math.min(size, valid - start));
      let axis = work;
      if (kind === 0) principalAxis(f32, list, count, row, d, work, job.int(L.POWER_STEPS));
      else axis = job.words(L.EIGEN_AXES) + level * d;
      split(list, count, (token) => dot(f32, axis, row(token), d));
    }
}

/** Sorts the list by projection, padding last, ties by token; each half goes back to token order. */
function split(list: Int32Array, count: number, project: (token: number) => number): void {
  const tokens = Array.from(list);
  const y = new Map(tokens.map((token, slot) => [token, slot < count ? Math.fround(project(token)) : Infinity]));
  tokens.sort((a, b) => (y.get(a) === y.get(b) ? a - b : y.get(a)! < y.get(b)! ? -1 : 1));
  const half = list.length >> 1;
  list.set(Int32Array.from(tokens.slice(0, half)).sort(), 0);
  list.set(Int32Array.from(tokens.slice(half)).sort(), half);
}

/** Power iteration w <- X^T (X w) from a fixed start, on rows about their mean; leaves w at `work`. */
function principalAxis(
  f32: Float32Array,
  list: Int32Array,
  count: number,
  row: (token: number) => number,
  d: number,
  work: number,
  steps: number,
): void {
  const mean = new Float64Array(d);
  for (let r = 0; r < count; r++) for (let x = 0, at = row(list[r]); x < d; x++) mean[x] += f32[at + x] / count;
  const w = Float64Array.from({ length: d }, (_, x) => Math.cos(x));
  const next = new Float64Array(d);
  for (let step = 0; step < steps; step++) {
    next.fill(0);
    for (let r = 0; r < count; r++) {
      const at = row(list[r]);
      let y = 0;
      for (let x = 0; x < d; x++) y += (f32[at + x] - mean[x]) * w[x];
      for (let x = 0; x < d; x++) next[x] += y * (f32[at + x] - mean[x]);
    }
    normalise(next);
    w.set(next);
  }
  orient(w);
  f32.set(w, work);
}

export function normalise(w: Float64Array): void {
  let square = 0;
  for (const x of w) square += x * x;
  const scale = 1 / Math.max(Math.sqrt(square), 1e-30);
  for (let x = 0; x < w.length; x++) w[x] *= scale;
}

/** The component of largest magnitude, the first of equals, becomes non-negative. */
export function orient(w: Float64Array): void {
  let top = 0;
  for (let x = 1; x < w.length; x++) if (Math.abs(w[x]) > Math.abs(w[top])) top = x;
  if (w[top] < 0) for (let x = 0; x < w.length; x++) w[x] = -w[x];
}
