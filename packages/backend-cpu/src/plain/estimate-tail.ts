import * as L from "../job-layout.js";
import { dot, type Job } from "./heap.js";
import { ordered, selectRow } from "./select.js";
import { addTextValues, textLogits } from "./text.js";

/** Unit: a query block. Bias of every stratum, block errors and selection (docs/tail.md#bias and docs/tail.md#selection). */
export function estimateTail(job: Job, row: number, scratch: number): void {
  const { heap, headDim: d, visualBlocks: n } = job;
  const { f32, i32, u8 } = heap;
  const c = job.int(L.STRATA_PER_BLOCK);
  const strata = n * c;
  const text = job.int(L.TEXT_VALID);
  const group = Math.floor(row / job.int(L.GROUP)) - job.int(L.GROUP_FIRST);
  const w = scratch >>> 2;
  const y = w + strata + 4;
  const tau = y + text + 4;
  const errors = tau + strata + 4;
  const masses = errors + n + 4;
  const keys = masses + n + 4;
  const levels = keys + n + 4;
  const mean = levels + strata + 4;
  const marks = (mean + d + 4) << 2;
  const bias = job.words(L.BIAS) + row * strata;
  const query = job.words(L.QUERY_MEAN) + row * d;

  logits(job, row, group, { w, tau, bias });
  f32.copyWithin(levels, w, w + strata);
  textLogits(job, query, y);
  const textMass = softmax(f32, w, strata, y, text);

  const values = job.words(L.STRATA_VALUE) + group * strata * d;
  f32.fill(0, mean, mean + d);
  addTextValues(job, y, mean);
  for (let u = 0; u < strata; u++) for (let x = 0; x < d; x++) f32[mean + x] += f32[w + u] * f32[values + u * d + x];

  f32.fill(0, errors, masses + n);
  const noise = job.words(L.STRATA_NOISE) + group * strata;
  const cap = job.float(L.TAU_MAX);
  for (let u = 0; u < strata; u++) {
    const weight = f32[w + u];
    let distance = 0;
    for (let x = 0; x < d; x++) distance += (f32[values + u * d + x] - f32[mean + x]) ** 2;
    const t = Math.min(f32[tau + u], cap);
    const j = Math.floor(u / c);
    const harm = t * f32[noise + u] + 0.25 * t * t * distance;
    f32[errors + j] += weight * weight * harm;
    // Squared weights vanish in f32 on peaked rows, so blocks are ranked by logarithms (docs/tail.md#edge-cases, no. 10).
    f32[levels + u] = Math.max(LOWEST, f32[levels + u] + 0.5 * Math.log(harm));
    f32[masses + j] += weight;
  }
  keep(job, row, L.BLOCK_ERROR, errors, n);
  keep(job, row, L.BLOCK_MASS, masses, n);
  keep(job, row, L.LOGIT_VARIANCE, tau, strata);
  keep(job, row, L.STRATA_BIAS, bias, strata);

  // The query block's own key block comes first.
  if (job.int(L.RANKED)) rankingKeys(job, levels, keys, c);
  else i32.fill(0, keys, keys + n);
  i32[keys + row] = 0x7fffffff;
  selectRow(job, row, { columns: n, keys, weights: masses, base: textMass }, marks);
  for (let u = 0; u < strata; u++) if (u8[marks + Math.floor(u / c)]) f32[bias + u] = Number.NEGATIVE_INFINITY;
}

/** Below every level that occurs. */
const LOWEST = -1e30;

/** Keys that order blocks by E: log sqrt E up to a constant of the row. */
function rankingKeys(job: Job, levels: number, keys: number, c: number): void {
  const { heap, visualBlocks: n } = job;
  const { f32, i32 } = heap;
  for (let j = 0; j < n; j++) {
    const own = f32.subarray(levels + j * c, levels + (j + 1) * c);
    const top = Math.max(...own);
    let sum = 0;
    for (const level of own) sum += Math.exp(2 * (level - top));
    f32[keys + j] = top > LOWEST ? top + 0.5 * Math.log(sum) : LOWEST;
    i32[keys + j] = ordered(i32[keys + j]);
  }
}

/** Logits x with the uncapped shift, the logit variances tau and the bias with the capped shift. */
function logits(job: Job, row: number, group: number, out: { w: number; tau: number; bias: number }): void {
  const { heap, headDim: d, visualBlocks: n } = job;
  const { f32 } = heap;
  const strata = n * job.int(L.STRATA_PER_BLOCK);
  const scale = job.float(L.SCALE);
  const [hMax, mMin] = [job.float(L.H_MAX), job.float(L.M_MIN)];
  const first = group * strata;
  const query = job.words(L.QUERY_MEAN) + row * d;
  const spread = job.words(L.QUERY_SPREAD) + row * d;
  for (let u = 0; u < strata; u++) {
    const at = (first + u) * d;
    const m = f32[job.words(L.STRATA_MASS) + first + u];
    const tau = scale * scale * dot(f32, job.words(L.STRATA_SPREAD) + at, spread, d);
    const floor = Math.max(m, mMin);
    const shift = tau <= 2 * floor ? tau / 2 : Math.sqrt(2 * floor * tau) - floor;
    f32[out.tau + u] = tau;
    f32[out.w + u] = scale * dot(f32, query, job.words(L.STRATA_KEY) + at, d) + m + shift;
    f32[out.bias + u] = m + Math.min(shift, hMax);
  }
}

/** One softmax over strata and text, in place; returns the mass of the text. */
function softmax(f32: Float32Array, w: number, strata: number, y: number, text: number): number {
  let top = Number.NEGATIVE_INFINITY;
  for (let u = 0; u < strata; u++) top = Math.max(top, f32[w + u]);
  for (let m = 0; m < text; m++) top = Math.max(top, f32[y + m]);
  let sum = 0;
  for (let u = 0; u < strata; u++) sum += f32[w + u] = Math.exp(f32[w + u] - top);
  for (let m = 0; m < text; m++) sum += f32[y + m] = Math.exp(f32[y + m] - top);
  let mass = 0;
  for (let u = 0; u < strata; u++) f32[w + u] /= sum;
  for (let m = 0; m < text; m++) mass += f32[y + m] /= sum;
  return mass;
}

function keep(job: Job, row: number, field: number, from: number, length: number): void {
  const target = job.words(field);
  if (target >= 0) job.heap.f32.copyWithin(target + row * length, from, from + length);
}
