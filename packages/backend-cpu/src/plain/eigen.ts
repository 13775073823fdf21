import * as L from "../job-layout.js";
import { type Job, rowsOf } from "./heap.js";
import { normalise, orient } from "./strata.js";

/** Unit: the head. Two directions shared by all blocks (docs/tail.md#strata, strata "eigen"). */
export function eigen(job: Job, _unit: number, scratch: number): void {
  const { heap, headDim: d, visual: N, blockSize: B } = job;
  const { f32 } = heap;
  const stride = Math.max(1, Math.floor(N / 8192));
  const samples = Math.ceil(N / stride);
  const queries = job.words(L.EIGEN_SAMPLES);
  const keys = queries + samples * d;
  const means = job.words(L.KEY_MEAN);
  for (let r = 0; r < samples; r++) {
    const token = r * stride;
    const query = rowsOf(job, L.QUERY, token, 1, scratch >>> 2);
    for (let x = 0; x < d; x++) f32[queries + r * d + x] = f32[query + x];
    const key = rowsOf(job, L.KEY, token, 1, scratch >>> 2);
    const mean = means + Math.floor(token / B) * d;
    for (let x = 0; x < d; x++) f32[keys + r * d + x] = f32[key + x] - f32[mean + x];
  }
  const apply = (rows: number, w: Float64Array) => secondMoment(f32, rows, samples, d, w);
  const first = Float64Array.from({ length: d }, (_, x) => Math.cos(x));
  const second = Float64Array.from({ length: d }, (_, x) => Math.sin(x));
  for (let step = 0; step < 8; step++) {
    const moved = apply(queries, apply(keys, first));
    normalise(moved);
    first.set(moved);
    const other = apply(queries, apply(keys, second));
    const along = apply(keys, first);
    const share = inner(along, other) / inner(along, first);
    for (let x = 0; x < d; x++) second[x] = other[x] - share * first[x];
    normalise(second);
  }
  orient(first);
  orient(second);
  f32.set(first, job.words(L.EIGEN_AXES));
  f32.set(second, job.words(L.EIGEN_AXES) + d);
}

const inner = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, x) => sum + value * b[x], 0);

/** mean of (x . w) x over the rows */
function secondMoment(f32: Float32Array, rows: number, count: number, d: number, w: Float64Array): Float64Array {
  const out = new Float64Array(d);
  for (let r = 0; r < count; r++) {
    const at = rows + r * d;
    let y = 0;
    for (let x = 0; x < d; x++) y += f32[at + x] * w[x];
    y /= count;
    for (let x = 0; x < d; x++) out[x] += y * f32[at + x];
  }
  return out;
}
