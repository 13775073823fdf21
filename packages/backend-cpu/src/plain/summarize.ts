import * as L from "../job-layout.js";
import { dot, type Job, rowsOf } from "./heap.js";

/** Unit: a visual block. Summarises its strata at every anchor that is held (docs/tail.md#summaries). */
export function summarize(job: Job, block: number, scratch: number): void {
  const { heap, blockSize: B, headDim: d, visualBlocks: n } = job;
  const { i32 } = heap;
  const valid = job.filled(block);
  const base = scratch >>> 2;
  const keys = rowsOf(job, L.KEY, block * B, valid, base);
  const values = rowsOf(job, L.VALUE, block * B, valid, base + B * d);
  const order = job.words(L.ORDER) + block * B;
  const c = job.int(L.STRATA_PER_BLOCK);
  const size = B / c;
  const groups = job.int(L.GROUP_COUNT);
  const first = job.int(L.GROUP_FIRST);
  for (let g = 0; g < groups; g++)
    for (let part = 0; part < c; part++) {
      const count = Math.max(0, Math.min(size, valid - part * size));
      const tokens = i32.subarray(order + part * size, order + part * size + count);
      const rows = tokens.map((token) => (token - block * B) * d);
      summary(job, rows, keys, values, job.words(L.ANCHOR) + (first + g) * d, (g * n + block) * c + part);
    }
}

function summary(job: Job, rows: Int32Array, keys: number, values: number, anchor: number, stratum: number): void {
  const { heap, headDim: d } = job;
  const { f32 } = heap;
  const scale = job.float(L.SCALE);
  const key = job.words(L.STRATA_KEY) + stratum * d;
  const value = job.words(L.STRATA_VALUE) + stratum * d;
  const spread = job.words(L.STRATA_SPREAD) + stratum * d;
  const mass = job.words(L.STRATA_MASS) + stratum;
  const noise = job.words(L.STRATA_NOISE) + stratum;
  if (rows.length === 0) {
    for (const at of [key, value, spread]) f32.fill(0, at, at + d);
    f32[mass] = Number.NEGATIVE_INFINITY;
    f32[noise] = 0;
    return;
  }
  const z = Array.from(rows, (row) => scale * dot(f32, anchor, keys + row, d));
  const top = Math.max(...z);
  let sum = 0;
  let along = 0;
  for (let r = 0; r < z.length; r++) {
    const below = z[r] - top;
    z[r] = Math.exp(below);
    sum += z[r];
    if (z[r] > 0) along += z[r] * below;
  }
  for (let r = 0; r < z.length; r++) z[r] /= sum;
  // m = L - s a.k~ in a form that keeps its digits however large the logits are.
  f32[mass] = Math.log(sum) - along / sum;
  f32[noise] = 0;
  for (let x = 0; x < d; x++) {
    f32[key + x] = weighted(f32, z, rows, keys + x);
    f32[value + x] = weighted(f32, z, rows, values + x);
    f32[spread + x] = scatter(f32, z, rows, keys + x, f32[key + x]);
    f32[noise] += scatter(f32, z, rows, values + x, f32[value + x]);
  }
}

function weighted(f32: Float32Array, p: readonly number[], rows: Int32Array, column: number): number {
  let sum = 0;
  for (let r = 0; r < p.length; r++) sum += p[r] * f32[column + rows[r]];
  return sum;
}

function scatter(f32: Float32Array, p: readonly number[], rows: Int32Array, column: number, centre: number): number {
  let sum = 0;
  for (let r = 0; r < p.length; r++) sum += p[r] * (f32[column + rows[r]] - centre) ** 2;
  return sum;
}
