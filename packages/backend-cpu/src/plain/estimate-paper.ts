import * as L from "../job-layout.js";
import { dot, type Job } from "./heap.js";
import { ordered, selectRow } from "./select.js";
import { textLogits } from "./text.js";

/** Unit: a query block. Probabilities, selection, gain test, R and E (docs/method.md#implicit-attention to docs/method.md#output). */
export function estimatePaper(job: Job, row: number, scratch: number): void {
  const { heap, headDim: d, visualBlocks: n } = job;
  const { f32, u8 } = heap;
  const text = job.int(L.TEXT_VALID);
  const p = scratch >>> 2;
  const y = p + n + 4;
  const scores = y + text + 4;
  const ranks = scores + n + 4;
  const marks = (ranks + n + 4) << 2;
  const query = job.words(L.QUERY_MEAN) + row * d;
  const keys = job.words(L.KEY_MEAN);
  for (let j = 0; j < n; j++) f32[scores + j] = dot(f32, query, keys + j * d, d);
  textLogits(job, query, y);
  const textMass = probabilities(job, scores, p, y, ranks);

  const competes = job.int(L.TEXT_COMPETES) !== 0 && text > 0;
  if (competes) f32[p + n] = textMass;
  const ranking = { columns: n + (competes ? 1 : 0), keys: ranks, weights: p, base: competes ? 0 : textMass };
  selectRow(job, row, job.int(L.RANKED) ? ranking : undefined, marks);
  keep(job, row, scores, p, textMass);

  const rectify = job.words(L.FACTOR) >= 0;
  const gain = job.int(L.GAIN) >>> 0;
  if (!rectify && gain === 0) return;
  const out = job.words(L.COMPENSATION) + row * d;
  let factor = textMass;
  if (rectify) f32.fill(0, out, out + d);
  for (let j = 0; j < n; j++) {
    const gains = gainful(job, row, j, f32[scores + j]);
    if (gain !== 0) u8[gain + row * n + j] = gains ? 1 : 0;
    if (!rectify) continue;
    if (u8[marks + j] || !gains) factor += f32[p + j];
    else {
      const value = job.words(L.VALUE_MEAN) + j * d;
      for (let x = 0; x < d; x++) f32[out + x] += f32[p + j] * f32[value + x];
    }
  }
  if (rectify) f32[job.words(L.FACTOR) + row] = factor;
}

/**
 * Softmax in which a block weighs as many keys as it holds; returns the mass of all text.
 *
 * Blocks are ranked by their logits (`ranks`, text last): the probabilities of peaked rows vanish in f32.
 */
function probabilities(job: Job, scores: number, p: number, y: number, ranks: number): number {
  const { heap, visualBlocks: n } = job;
  const { f32, i32 } = heap;
  const scale = job.float(L.SCALE);
  const uniform = job.int(L.UNIFORM_WEIGHTS) !== 0;
  const text = job.int(L.TEXT_VALID);
  let top = Number.NEGATIVE_INFINITY;
  for (let j = 0; j < n; j++) {
    const logit = scale * f32[scores + j] + Math.log(uniform ? job.blockSize : job.filled(j));
    f32[p + j] = logit;
    top = Math.max(top, logit);
  }
  for (let m = 0; m < text; m++) top = Math.max(top, f32[y + m]);
  for (let j = 0; j < n; j++) i32[ranks + j] = ordered(i32[p + j]);
  let sum = 0;
  let textSum = 0;
  for (let j = 0; j < n; j++) sum += f32[p + j] = Math.exp(f32[p + j] - top);
  for (let m = 0; m < text; m++) textSum += Math.exp(f32[y + m] - top);
  f32[ranks + n] = top + Math.log(textSum);
  i32[ranks + n] = ordered(i32[ranks + n]);
  for (let j = 0; j < n; j++) f32[p + j] /= sum + textSum;
  return textSum / (sum + textSum);
}

/** G: the gain of block j exceeds its error (docs/method.md#gain). */
function gainful(job: Job, i: number, j: number, score: number): boolean {
  const { heap, headDim: d } = job;
  const error =
    Math.abs(dot(heap.f32, job.words(L.QUERY_DEVIATION) + i * d, job.words(L.KEY_MEAN) + j * d, d)) +
    Math.abs(dot(heap.f32, job.words(L.QUERY_MEAN) + i * d, job.words(L.KEY_DEVIATION) + j * d, d));
  return Math.abs(score) > error;
}

function keep(job: Job, row: number, scores: number, p: number, textMass: number): void {
  const { heap, visualBlocks: n } = job;
  const { f32 } = heap;
  const wanted = job.words(L.SCORES);
  if (wanted >= 0) f32.copyWithin(wanted + row * n, scores, scores + n);
  const columns = job.int(L.COLUMNS);
  const all = job.words(L.PROBABILITIES);
  if (all < 0) return;
  f32.copyWithin(all + row * columns, p, p + n);
  if (columns > n) f32[all + row * columns + n] = textMass;
}
