import * as V from "../../src/levels/job-layout";
import * as L from "../../src/job-layout";
import { at, float, int, rowBytes } from "../job";
import { dots } from "../rows";
import { sum4 } from "../math";
import { dotsPair, effectGaps } from "./products";
import * as S from "./scratch";
import { blockColumns, levelColumn } from "./tree";

/** S_l, E_l and both together for one pair of blocks and every level (levels.md section 3). */
export function blockErrors(job: usize, i: i32, first: i32, j: i32, block: usize): void {
  const depth = int(job, V.DEPTH);
  const n = int(job, L.VISUAL_BLOCKS);
  const live = load<i32>(at(job, V.PROBE_COUNT) + (<usize>i << 2));
  distances(job, first, j, block);
  nodeErrors(job, i, first, j, block);
  for (let level = 0; level <= depth; level++) {
    const moment = levelSum(S.products(job, block) + (<usize>levelColumn(depth, level) << 2), level);
    const probe: f32 = level < depth ? probeError(job, first, j, level, live, block) : 0;
    const to = <usize>((level * n + i) * n + j) << 2;
    const share: f32 = live > 0 ? <f32>(1 << level) / 90 : 1;
    store<f32>(at(job, V.LEVEL_ERROR) + to, probe + share * moment);
    if (at(job, V.MOMENT_ERROR) != 0) store<f32>(at(job, V.MOMENT_ERROR) + to, moment);
    if (at(job, V.PROBE_ERROR) != 0) store<f32>(at(job, V.PROBE_ERROR) + to, probe);
  }
}

/** |o_l|^2 - 2 v.o_l of every node, without |v|^2; the lengths of the outputs are ready. */
function distances(job: usize, first: i32, j: i32, block: usize): void {
  const row = rowBytes(job);
  const depth = int(job, V.DEPTH);
  const columns = blockColumns(job);
  const values = at(job, V.NODE_VALUE) + <usize>(first + j * columns) * row;
  const out = S.products(job, block);
  const lengths = S.outputLengths(job, block);
  // The last two levels and the padding are four columns: both outputs against all of them at once.
  const least = depth > 0 ? 2 : 0;
  for (let level = depth; level >= least; level--) {
    const column = <usize>levelColumn(depth, level);
    dots(S.outputRow(job, block, level), values + column * row, 1 << level, row, out + (column << 2));
    finishDistances(out + (column << 2), 1 << level, load<f32>(lengths + (<usize>level << 2)));
  }
  if (depth == 0) return;
  const column = <usize>levelColumn(depth, 1);
  const place = out + (column << 2);
  const other = out + (<usize>columns << 2);
  dotsPair(S.outputRow(job, block, 1), S.outputRow(job, block, 0), values + column * row, 4, row, place, other);
  store<f32>(place, load<f32>(other, 8), 8);
  finishDistances(place, 2, load<f32>(lengths, 4));
  finishDistances(place + 8, 1, load<f32>(lengths));
}

function finishDistances(values: usize, count: i32, length: f32): void {
  const l = f32x4.splat(length), minus2 = f32x4.splat(-2);
  let left = count;
  for (; left >= 4; left -= 4, values += 16) v128.store(values, f32x4.add(l, f32x4.mul(minus2, v128.load(values))));
  for (; left > 0; left--, values += 4) store<f32>(values, length - 2 * load<f32>(values));
}

/** w^2 (tau nu + tau^2 |v - o|^2 / 4) of every node, in place of the distances. */
function nodeErrors(job: usize, i: i32, first: i32, j: i32, block: usize): void {
  const columns = blockColumns(job);
  const place = <usize>(j * columns) << 2;
  const cap = f32x4.splat(float(job, L.TAU_MAX));
  const quarter = f32x4.splat(0.25);
  const w = S.meanWeights(job, block) + place;
  const tau = at(job, V.VARIANCE) + (<usize>(i * int(job, L.VISUAL_BLOCKS) * columns) << 2) + place;
  const noise = at(job, V.NODE_NOISE) + (<usize>first << 2) + place;
  const length = at(job, V.NODE_SQUARE) + (<usize>first << 2) + place;
  const out = S.products(job, block);
  // The last vector of a short block reaches past it: nobody reads what it writes there.
  for (let x: usize = 0, end = <usize>columns << 2; x < end; x += 16) {
    const t = f32x4.pmin(v128.load(tau + x), cap);
    const distance = f32x4.pmax(f32x4.splat(0), f32x4.add(v128.load(length + x), v128.load(out + x)));
    const weight = v128.load(w + x);
    const harm = f32x4.mul(t, f32x4.add(v128.load(noise + x), f32x4.mul(f32x4.mul(quarter, t), distance)));
    v128.store(out + x, f32x4.mul(f32x4.mul(weight, weight), harm));
  }
}

function levelSum(values: usize, level: i32): f32 {
  if (level == 0) return load<f32>(values);
  if (level == 1) return load<f32>(values) + load<f32>(values, 4);
  let sum = f32x4.splat(0);
  for (const end = values + (<usize>4 << level); values < end; values += 16) sum = f32x4.add(sum, v128.load(values));
  return sum4(sum);
}

/** S_l = mean over the probes of |D_l - D_L|^2. */
function probeError(job: usize, first: i32, j: i32, level: i32, live: i32, block: usize): f32 {
  if (live == 0) return 0;
  const place = j * blockColumns(job) + levelColumn(int(job, V.DEPTH), level);
  const projected = at(job, V.NODE_PROJECTED) + (<usize>(first + place) << 6);
  let sum = f32x4.splat(0);
  for (let r = 0; r < live; r += 2)
    sum = f32x4.add(
      sum,
      effectGaps(
        S.probeWeights(job, block, r) + (<usize>place << 2),
        S.probeWeights(job, block, r + 1) + (<usize>place << 2),
        projected,
        1 << level,
        S.leafSums(job, block, r, j),
        S.leafSums(job, block, r + 1, j),
        S.probeOutput(job, block, r),
        r + 1 < live,
      ),
    );
  return sum4(sum) / <f32>live;
}
