import * as V from "../../src/levels/job-layout";
import * as L from "../../src/job-layout";
import { at, float, int, rowBytes } from "../job";
import { dot, dots } from "../rows";
import { effectGap, sumPair } from "./products";
import * as S from "./scratch";
import { blockColumns, levelColumn } from "./tree";

/** S_l, E_l and both together for one pair of blocks and every level (levels.md section 3). */
export function blockErrors(job: usize, i: i32, first: i32, j: i32, block: usize): void {
  const depth = int(job, V.DEPTH);
  const n = int(job, L.VISUAL_BLOCKS);
  const live = load<i32>(at(job, V.PROBE_COUNT) + (<usize>i << 2));
  for (let level = 0; level <= depth; level++) {
    const moment = momentError(job, i, first, j, level, block);
    const probe: f32 = level < depth ? probeError(job, first, j, level, live, block) : 0;
    const to = <usize>((level * n + i) * n + j) << 2;
    const share: f32 = live > 0 ? <f32>(1 << level) / 90 : 1;
    store<f32>(at(job, V.LEVEL_ERROR) + to, probe + share * moment);
    if (at(job, V.MOMENT_ERROR) != 0) store<f32>(at(job, V.MOMENT_ERROR) + to, moment);
    if (at(job, V.PROBE_ERROR) != 0) store<f32>(at(job, V.PROBE_ERROR) + to, probe);
  }
}

/** E_l = sum w^2 (tau nu + tau^2 |v - o|^2 / 4) over the nodes of a level. */
function momentError(job: usize, i: i32, first: i32, j: i32, level: i32, block: usize): f32 {
  const row = rowBytes(job);
  const place = j * blockColumns(job) + levelColumn(int(job, V.DEPTH), level);
  const column = <usize>(first + place);
  const output = S.outputRow(job, block, level);
  const square = dot(output, output, row);
  const along = S.products(job, block);
  dots(output, at(job, V.NODE_VALUE) + column * row, 1 << level, row, along);
  let w = S.meanWeights(job, block) + (<usize>place << 2);
  let tau = at(job, V.VARIANCE) + (<usize>(i * int(job, L.VISUAL_BLOCKS) * blockColumns(job) + place) << 2);
  const cap = float(job, L.TAU_MAX);
  let noise = at(job, V.NODE_NOISE) + (column << 2);
  let length = at(job, V.NODE_SQUARE) + (column << 2);
  let sum: f32 = 0;
  for (let a = along, end = along + (<usize>4 << level); a < end; a += 4, w += 4, tau += 4, noise += 4, length += 4) {
    const t = min(load<f32>(tau), cap);
    const distance = max(<f32>0, load<f32>(length) - 2 * load<f32>(a) + square);
    const weight = load<f32>(w);
    sum += weight * weight * (t * load<f32>(noise) + <f32>0.25 * t * t * distance);
  }
  return sum;
}

/** S_l = mean over the probes of |D_l - D_L|^2. */
function probeError(job: usize, first: i32, j: i32, level: i32, live: i32, block: usize): f32 {
  if (live == 0) return 0;
  const place = j * blockColumns(job) + levelColumn(int(job, V.DEPTH), level);
  const projected = at(job, V.NODE_PROJECTED) + (<usize>(first + place) << 6);
  // The rows of scaled probes are free: room for two sums.
  const own = S.rowSlot(job, block, 0);
  let sum: f32 = 0;
  for (let r = 0; r < live; r += 2) {
    const w = S.probeWeights(job, block, r) + (<usize>place << 2);
    sumPair(w, S.probeWeights(job, block, r + 1) + (<usize>place << 2), projected, 1 << level, own, own + 80);
    sum += effectGap(own, S.leafSums(job, block, r, j), S.probeOutput(job, block, r));
    if (r + 1 < live) sum += effectGap(own + 80, S.leafSums(job, block, r + 1, j), S.probeOutput(job, block, r + 1));
  }
  return sum / <f32>live;
}
