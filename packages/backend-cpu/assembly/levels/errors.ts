import * as V from "../../src/levels/job-layout";
import * as L from "../../src/job-layout";
import { at, fill, float, int, rowBytes } from "../job";
import { LOG2E, madd } from "../math";
import { addRows, dot } from "../rows";
import { addTextValues, textLogits } from "../text";
import { blockErrors } from "./block-errors";
import { addCoarse, dotsPair, projectRow, square, sumPair } from "./products";
import * as S from "./scratch";
import { softmaxLevel, softmaxProbe } from "./softmax";
import { blockColumns, levelColumn } from "./tree";

/** Unit: a few query blocks of one cluster. Expected errors of every level of all their pairs (levels.md section 3). */
export function errors(job: usize, unit: i32, scratch: usize): void {
  const entry = load<i32>(at(job, V.ESTIMATE_UNITS) + (<usize>unit << 2));
  const members = at(job, V.MEMBERS) + (<usize>(entry & 0xffff) << 2);
  const count = entry >>> 16;
  const n = int(job, L.VISUAL_BLOCKS);
  const bytes = S.estimateBytes(job);
  const group = load<i32>(at(job, V.CLUSTER) + (<usize>load<i32>(members) << 2)) - int(job, V.CLUSTER_FIRST);
  const first = group * n * blockColumns(job);
  for (let b = 0; b < count; b++) begin(job, load<i32>(members + (<usize>b << 2)), scratch + <usize>b * bytes);
  for (let j = 0; j < n; j++) for (let b = 0; b < count; b++) products(job, first, j, scratch + <usize>b * bytes);
  for (let b = 0; b < count; b++) weights(job, load<i32>(members + (<usize>b << 2)), first, scratch + <usize>b * bytes);
  for (let j = 0; j < n; j++) for (let b = 0; b < count; b++) outputs(job, first, j, scratch + <usize>b * bytes);
  for (let b = 0; b < count; b++) finish(job, load<i32>(members + (<usize>b << 2)), first, scratch + <usize>b * bytes);
  for (let j = 0; j < n; j++)
    for (let b = 0; b < count; b++)
      blockErrors(job, load<i32>(members + (<usize>b << 2)), first, j, scratch + <usize>b * bytes);
}

/** Scaled probes. */
function begin(job: usize, i: i32, block: usize): void {
  const row = rowBytes(job);
  const parts = int(job, V.PARTS);
  const scale = float(job, L.SCALE);
  const base2 = f32x4.splat(scale * LOG2E);
  // Slots without a probe repeat the first: their weights are never read.
  for (let r = 0; r < S.probeSlots(job); r++) {
    const probe = at(job, V.PROBE) + <usize>(i * parts + (r < parts ? r : 0)) * row;
    const to = S.rowSlot(job, block, r);
    for (let x: usize = 0; x < row; x += 16) v128.store(to + x, f32x4.mul(base2, v128.load(probe + x)));
  }
}

/** Logits of the probes for one key block's nodes, before bias. */
function products(job: usize, first: i32, j: i32, block: usize): void {
  const row = rowBytes(job);
  const columns = blockColumns(job);
  const offset = <usize>(first + j * columns) * row;
  const place = <usize>(j * columns) << 2;
  const keys = at(job, V.NODE_KEY) + offset;
  for (let r = 0; r < S.probeSlots(job); r += 2)
    dotsPair(
      S.rowSlot(job, block, r),
      S.rowSlot(job, block, r + 1),
      keys,
      columns,
      row,
      S.probeWeights(job, block, r) + place,
      S.probeWeights(job, block, r + 1) + place,
    );
}

/** Biases, logits and weights of one query block. */
function weights(job: usize, i: i32, first: i32, block: usize): void {
  const parts = int(job, V.PARTS);
  const row = rowBytes(job);
  const n = int(job, L.VISUAL_BLOCKS);
  const columns = n * blockColumns(job);
  const text = int(job, L.TEXT_VALID);
  const live = load<i32>(at(job, V.PROBE_COUNT) + (<usize>i << 2));
  bias(job, i, first, columns, block);
  for (let r = 0; r < live; r++) {
    const y = S.textWeights(job, block, r);
    textLogits(job, at(job, V.PROBE) + <usize>(i * parts + r) * row, y);
    softmaxProbe(job, S.probeWeights(job, block, r), y, text);
  }
  const mean = S.textWeights(job, block, S.probeSlots(job));
  const own = S.textWeights(job, block, S.probeSlots(job) + 1);
  textLogits(job, at(job, L.QUERY_MEAN) + <usize>i * row, mean);
  for (let level = 0; level <= int(job, V.DEPTH); level++) {
    for (let m = 0; m < text; m++) store<f32>(own + (<usize>m << 2), load<f32>(mean + (<usize>m << 2)));
    softmaxLevel(job, S.meanWeights(job, block), level, own, text);
    const output = S.outputRow(job, block, level);
    fill(output, row, 0);
    addTextValues(job, own, output);
  }
}

/** Biases, and the logits of probes and mean query with them, in units of log 2. */
function bias(job: usize, i: i32, first: i32, columns: i32, block: usize): void {
  const parts = int(job, V.PARTS);
  const slots = S.probeSlots(job);
  const line = S.paddedColumns(job) << 2;
  const mass = at(job, V.NODE_MASS) + (<usize>first << 2);
  const tau = at(job, V.VARIANCE) + (<usize>(i * columns) << 2);
  const hMax = f32x4.splat(float(job, L.H_MAX));
  const mMin = f32x4.splat(float(job, L.M_MIN));
  const two = f32x4.splat(2);
  const base2 = f32x4.splat(LOG2E);
  const share = at(job, V.PROBE_SHARE) + (<usize>(i * parts) << 2);
  const mean = S.meanWeights(job, block);
  for (let x: usize = 0, end = <usize>columns << 2; x < end; x += 16) {
    const m = v128.load(mass + x);
    const t = v128.load(tau + x);
    const floor = f32x4.pmax(m, mMin);
    const linear = f32x4.sub(f32x4.sqrt(f32x4.mul(f32x4.mul(two, floor), t)), floor);
    const shift = v128.bitselect(f32x4.mul(t, f32x4.splat(0.5)), linear, f32x4.le(t, f32x4.mul(two, floor)));
    const b = f32x4.mul(base2, f32x4.add(m, f32x4.pmin(shift, hMax)));
    let logit = f32x4.mul(base2, f32x4.add(m, shift));
    let g = block + x;
    for (let r = 0; r < slots; r++, g += line) {
      const score = v128.load(g);
      if (r < parts) logit = madd(v128.load32_splat(share + (<usize>r << 2)), score, logit);
      v128.store(g, f32x4.add(score, b));
    }
    v128.store(mean + x, logit);
  }
}

/** Adds one key block's share to the outputs of the levels, and keeps the sums of its leaves for every probe. */
function outputs(job: usize, first: i32, j: i32, block: usize): void {
  const row = rowBytes(job);
  const depth = int(job, V.DEPTH);
  const columns = blockColumns(job);
  const place = j * columns;
  const values = at(job, V.NODE_VALUE) + <usize>(first + place) * row;
  const mean = S.meanWeights(job, block) + (<usize>place << 2);
  const coarse = <usize>levelColumn(depth, 1);
  if (depth > 0)
    addCoarse(mean + (coarse << 2), values + coarse * row, row, S.outputRow(job, block, 1), S.outputRow(job, block, 0));
  for (let level = depth > 0 ? 2 : 0; level <= depth; level++) {
    const column = <usize>levelColumn(depth, level);
    addRows(mean + (column << 2), values + column * row, 1 << level, row, S.outputRow(job, block, level));
  }
  const projected = at(job, V.NODE_PROJECTED) + (<usize>(first + place) << 6);
  for (let r = 0; r < S.probeSlots(job); r += 2) {
    const w = S.probeWeights(job, block, r) + (<usize>place << 2);
    const other = S.probeWeights(job, block, r + 1) + (<usize>place << 2);
    sumPair(w, other, projected, 1 << depth, S.leafSums(job, block, r, j), S.leafSums(job, block, r + 1, j));
  }
}

/** The projected outputs of the probes; the mean squared length of the outputs where it is wanted. */
function finish(job: usize, i: i32, first: i32, block: usize): void {
  const row = rowBytes(job);
  const n = int(job, L.VISUAL_BLOCKS);
  const live = load<i32>(at(job, V.PROBE_COUNT) + (<usize>i << 2));
  // The rows of scaled probes are free now.
  const sum = S.rowSlot(job, block, 0);
  for (let r = 0; r < live; r++) {
    fill(sum, row, 0);
    addTextValues(job, S.textWeights(job, block, r), sum);
    const out = S.probeOutput(job, block, r);
    projectRow(sum, at(job, V.PROJECTION), row, out);
    for (let j = 0; j < n; j++) {
      const leaves = S.leafSums(job, block, r, j);
      for (let x: usize = 0; x < 64; x += 16)
        v128.store(out + x, f32x4.add(v128.load(out + x), v128.load(leaves + x)));
    }
  }
  for (let level = 0; level <= int(job, V.DEPTH); level++) {
    const output = S.outputRow(job, block, level);
    store<f32>(S.outputLengths(job, block) + (<usize>level << 2), square(output, row));
  }
  if (at(job, V.OUTPUT_POWER) != 0)
    store<f32>(at(job, V.OUTPUT_POWER) + (<usize>i << 2), live == 0 ? ofMean(job, block, row) : ofProbes(job, first, live, block, row));
}

function ofMean(job: usize, block: usize, row: usize): f32 {
  const output = S.outputRow(job, block, int(job, V.DEPTH));
  return dot(output, output, row);
}

/** The outputs of the probes in all their channels; only their projections are needed elsewhere. */
function ofProbes(job: usize, first: i32, live: i32, block: usize, row: usize): f32 {
  const columns = blockColumns(job);
  const leaves = 1 << int(job, V.DEPTH);
  const sum = S.rowSlot(job, block, 0);
  let power: f32 = 0;
  for (let r = 0; r < live; r++) {
    fill(sum, row, 0);
    addTextValues(job, S.textWeights(job, block, r), sum);
    for (let j = 0; j < int(job, L.VISUAL_BLOCKS); j++) {
      const place = j * columns;
      const w = S.probeWeights(job, block, r) + (<usize>place << 2);
      addRows(w, at(job, V.NODE_VALUE) + <usize>(first + place) * row, leaves, row, sum);
    }
    power += dot(sum, sum, row) / <f32>live;
  }
  return power;
}
