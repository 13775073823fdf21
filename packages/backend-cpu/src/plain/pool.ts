import * as L from "../job-layout.js";
import { type Job, rowsOf } from "./heap.js";

/** Unit: a visual block. Means and mean absolute deviations (docs/method.md#pooling), those that have a place. */
export function pool(job: Job, block: number, scratch: number): void {
  average(job, block, scratch, L.QUERY, L.QUERY_MEAN, L.QUERY_DEVIATION);
  average(job, block, scratch, L.KEY, L.KEY_MEAN, L.KEY_DEVIATION);
  average(job, block, scratch, L.VALUE, L.VALUE_MEAN, -1);
}

function average(job: Job, block: number, scratch: number, source: number, mean: number, deviation: number): void {
  const { heap, headDim: d, blockSize: B } = job;
  const { f32 } = heap;
  const target = job.words(mean);
  if (target < 0) return;
  const valid = job.filled(block);
  const divisor = job.int(L.ZERO_PADDING) ? B : valid;
  const rows = rowsOf(job, source, block * B, valid, scratch >>> 2);
  const spread = deviation < 0 ? -1 : job.words(deviation);
  for (let x = 0; x < d; x++) {
    let sum = 0;
    for (let r = 0; r < valid; r++) sum += f32[rows + r * d + x];
    const m = sum / divisor;
    f32[target + block * d + x] = m;
    if (spread < 0) continue;
    let absolute = 0;
    for (let r = 0; r < valid; r++) absolute += Math.abs(f32[rows + r * d + x] - m);
    // The zero rows of the original's padding deviate by the mean itself.
    f32[spread + block * d + x] = (absolute + (divisor - valid) * Math.abs(m)) / divisor;
  }
}

/** Unit: a group. The mean of its valid queries (docs/tail.md#statistics). */
export function anchor(job: Job, group: number): void {
  const { heap, headDim: d, visualBlocks: n } = job;
  const { f32 } = heap;
  const size = job.int(L.GROUP);
  const first = group * size;
  const end = Math.min(n, first + size);
  const means = job.words(L.QUERY_MEAN);
  const padded = job.int(L.ZERO_PADDING) !== 0;
  for (let x = 0; x < d; x++) {
    let sum = 0;
    let count = 0;
    for (let i = first; i < end; i++) {
      sum += (padded ? job.blockSize : job.filled(i)) * f32[means + i * d + x];
      count += job.filled(i);
    }
    f32[job.words(L.ANCHOR) + group * d + x] = sum / count;
  }
}

/** Unit: a visual block. Second moment of its queries about the anchor of its group. */
export function spread(job: Job, block: number, scratch: number): void {
  const { heap, headDim: d } = job;
  const { f32 } = heap;
  const valid = job.filled(block);
  const rows = rowsOf(job, L.QUERY, block * job.blockSize, valid, scratch >>> 2);
  const about = job.words(L.ANCHOR) + Math.floor(block / job.int(L.GROUP)) * d;
  for (let x = 0; x < d; x++) {
    let sum = 0;
    for (let r = 0; r < valid; r++) sum += (f32[rows + r * d + x] - f32[about + x]) ** 2;
    f32[job.words(L.QUERY_SPREAD) + block * d + x] = sum / valid;
  }
}
