import * as V from "../../src/levels/job-layout";
import * as L from "../../src/job-layout";
import { rowsOf } from "../convert";
import { at, fill, filled, float, int, rowBytes } from "../job";
import { project } from "../rows";
import { mean, offsets, secondMoments, softmax } from "../summarize";
import { meanAndNoise, meanAndSpread, projectFour, weighLeaves } from "./leaf";
import { mergeKeys, mergeProjected, mergeValues, weighPairs } from "./merge";
import { dotsPair, projectRow, square } from "./products";
import { blockColumns, levelColumn } from "./tree";

/** Unit: a visual block. Its nodes of all levels at the anchors of some clusters (levels.md section 2). */
export function nodes(job: usize, block: i32, scratch: usize): void {
  const size = int(job, L.BLOCK_SIZE);
  const row = rowBytes(job);
  const valid = filled(job, block);
  const keys = rowsOf(job, L.KEY, block * size, valid, scratch);
  const values = rowsOf(job, L.VALUE, block * size, valid, scratch + <usize>size * row);
  const columns = blockColumns(job);
  const spreads = scratch + <usize>size * row * 2;
  const work = spreads + <usize>columns * row;
  const begin = int(job, V.WORK_FIRST);
  const depth = int(job, V.DEPTH);
  for (let c = begin; c < begin + int(job, V.WORK_COUNT); c++) {
    const anchor = at(job, L.ANCHOR) + <usize>c * row;
    const first = ((c - int(job, V.CLUSTER_FIRST)) * int(job, L.VISUAL_BLOCKS) + block) * columns;
    const kept = at(job, V.NODE_SPREAD);
    const spread = kept == 0 ? spreads : kept + <usize>first * row;
    if (size >> depth == 4) leavesOfFour(job, block, valid, keys, values, anchor, first, spread, work, row);
    else leaves(job, block, valid, keys, values, anchor, first, spread, work, row);
    for (let level = depth - 1; level >= 0; level--) merge(job, level, first, spread, anchor, work, row);
    empty(job, first + columns - 1, spread + <usize>(columns - 1) * row, row);
    variances(job, c, block * columns, columns, spread, work, row);
  }
}

@inline function rowAt(job: usize, field: i32, column: i32, row: usize): usize {
  return at(job, field) + <usize>column * row;
}

@inline function cell(job: usize, field: i32, column: i32): usize {
  return at(job, field) + (<usize>column << 2);
}

@inline function projectedAt(job: usize, column: i32): usize {
  return at(job, V.NODE_PROJECTED) + (<usize>column << 6);
}

function empty(job: usize, column: i32, spread: usize, row: usize): void {
  fill(rowAt(job, V.NODE_KEY, column, row), row, 0);
  fill(rowAt(job, V.NODE_VALUE, column, row), row, 0);
  fill(spread, row, 0);
  fill(projectedAt(job, column), 64, 0);
  store<f32>(cell(job, V.NODE_MASS, column), -Infinity);
  store<f32>(cell(job, V.NODE_NOISE, column), 0);
  store<f32>(cell(job, V.NODE_SQUARE, column), 0);
}

/** Leaves of any size, one by one. */
function leaves(
  job: usize,
  block: i32,
  valid: i32,
  keys: usize,
  values: usize,
  anchor: usize,
  first: i32,
  spreads: usize,
  work: usize,
  row: usize,
): void {
  const size = int(job, L.BLOCK_SIZE);
  const depth = int(job, V.DEPTH);
  const length = size >> depth;
  const order = at(job, L.ORDER) + (<usize>(block * size) << 2);
  for (let leaf = 0; leaf < 1 << depth; leaf++) {
    const count = max(0, min(length, valid - leaf * length));
    const spread = spreads + <usize>leaf * row;
    if (count == 0) {
      empty(job, first + leaf, spread, row);
      continue;
    }
    offsets(order + (<usize>(leaf * length) << 2), count, block * size, row, work);
    oneLeaf(job, count, keys, values, anchor, first + leaf, spread, work, row);
  }
}

function oneLeaf(
  job: usize,
  count: i32,
  keys: usize,
  values: usize,
  anchor: usize,
  column: i32,
  spread: usize,
  rows: usize,
  row: usize,
): void {
  const weights = rows + 512;
  store<f32>(cell(job, V.NODE_MASS, column), softmax(job, count, keys, anchor, rows, weights, row));
  const key = rowAt(job, V.NODE_KEY, column, row);
  const value = rowAt(job, V.NODE_VALUE, column, row);
  mean(keys, rows, count, weights, key, row);
  mean(values, rows, count, weights, value, row);
  secondMoments(keys, rows, count, weights, key, spread, row);
  store<f32>(cell(job, V.NODE_NOISE, column), secondMoments(values, rows, count, weights, value, 0, row));
  store<f32>(cell(job, V.NODE_SQUARE, column), square(value, row));
  projectRow(value, at(job, V.PROJECTION), row, projectedAt(job, column));
}

/** Leaves of four tokens: the logits of all at once, then four leaves at a time; a ragged leaf on its own. */
function leavesOfFour(
  job: usize,
  block: i32,
  valid: i32,
  keys: usize,
  values: usize,
  anchor: usize,
  first: i32,
  spreads: usize,
  work: usize,
  row: usize,
): void {
  const size = int(job, L.BLOCK_SIZE);
  const order = at(job, L.ORDER) + (<usize>(block * size) << 2);
  const projected = at(job, V.TOKEN_PROJECTED) + (<usize>(block * size) << 6);
  const rows = work + 1024, pointers = rows + 512, z = pointers + 512;
  const whole = valid >> 2;
  offsets(order, valid, block * size, row, rows);
  for (let r: usize = 0; r < <usize>((valid + 3) & ~3) << 2; r += 4)
    store<u32>(pointers + r, <u32>keys + load<u32>(rows + r));
  project(pointers, (valid + 3) & ~3, anchor, row, z);
  const scale = f32x4.splat(float(job, L.SCALE));
  for (let x: usize = 0; x < <usize>whole << 4; x += 16) v128.store(z + x, f32x4.mul(scale, v128.load(z + x)));
  for (let leaf = 0; leaf < whole; leaf++) {
    // The last four may reach past the whole leaves: what they write there is written again below.
    if ((leaf & 3) == 0) weighLeaves(z + (<usize>leaf << 4), cell(job, V.NODE_MASS, first + leaf));
    const column = first + leaf;
    const w = v128.load(z + (<usize>leaf << 4));
    const own = rows + (<usize>leaf << 4);
    meanAndSpread(keys, own, w, rowAt(job, V.NODE_KEY, column, row), spreads + <usize>leaf * row, row);
    const value = rowAt(job, V.NODE_VALUE, column, row);
    meanAndNoise(values, own, w, value, cell(job, V.NODE_SQUARE, column), cell(job, V.NODE_NOISE, column), row);
    projectFour(projected, order + (<usize>leaf << 4), block * size, w, projectedAt(job, column));
  }
  for (let leaf = whole; leaf < size >> 2; leaf++) {
    const spread = spreads + <usize>leaf * row;
    const count = valid - leaf * 4;
    if (count > 0) {
      offsets(order + (<usize>leaf << 4), count, block * size, row, work);
      oneLeaf(job, count, keys, values, anchor, first + leaf, spread, work, row);
    } else empty(job, first + leaf, spread, row);
  }
}

/** The nodes of a level of one block from those of the next. */
function merge(job: usize, level: i32, first: i32, spreads: usize, anchor: usize, work: usize, row: usize): void {
  const depth = int(job, V.DEPTH);
  const from = levelColumn(depth, level + 1), into = levelColumn(depth, level);
  const weights = work, masses = work + 16;
  for (let u = 0; u < 1 << level; u++) {
    const child = first + from + 2 * u, to = first + into + u;
    // Rows past the level are read where it has fewer than four, and not used.
    if ((u & 3) == 0) {
      const keys = rowAt(job, V.NODE_KEY, child, row);
      weighPairs(anchor, keys, cell(job, V.NODE_MASS, child), float(job, L.SCALE), row, weights, masses);
    }
    const lane = <usize>(u & 3) << 2;
    const w1 = load<f32>(weights + lane), mass = load<f32>(masses + lane);
    const spread = spreads + <usize>(into + u) * row;
    if (mass == -Infinity) {
      empty(job, to, spread, row);
      continue;
    }
    const below = spreads + <usize>(from + 2 * u) * row;
    mergeKeys(rowAt(job, V.NODE_KEY, child, row), below, w1, rowAt(job, V.NODE_KEY, to, row), spread, row);
    const value = rowAt(job, V.NODE_VALUE, to, row);
    const distance = mergeValues(rowAt(job, V.NODE_VALUE, child, row), w1, value, cell(job, V.NODE_SQUARE, to), row);
    const n0 = load<f32>(cell(job, V.NODE_NOISE, child)), n1 = load<f32>(cell(job, V.NODE_NOISE, child + 1));
    store<f32>(cell(job, V.NODE_NOISE, to), (1 - w1) * n0 + w1 * n1 + w1 * (1 - w1) * distance);
    store<f32>(cell(job, V.NODE_MASS, to), mass);
    mergeProjected(projectedAt(job, child), w1, projectedAt(job, to));
  }
}

/** tau of the block's nodes for every query block of the cluster (beyond.md section 5). */
function variances(job: usize, c: i32, place: i32, columns: i32, spread: usize, work: usize, row: usize): void {
  const starts = at(job, V.MEMBER_START) + (<usize>c << 2);
  const members = at(job, V.MEMBERS);
  const all = int(job, L.VISUAL_BLOCKS) * columns;
  const factor = f32x4.splat(float(job, L.SCALE) * float(job, L.SCALE));
  const end = load<i32>(starts, 4);
  for (let m = load<i32>(starts); m < end; m += 2) {
    // In pairs; the last one may stand alone.
    const i = load<i32>(members + (<usize>m << 2));
    const other = load<i32>(members + (<usize>min(m + 1, end - 1) << 2));
    scaled(at(job, L.QUERY_SPREAD) + <usize>i * row, factor, work, row);
    scaled(at(job, L.QUERY_SPREAD) + <usize>other * row, factor, work + row, row);
    const out = at(job, V.VARIANCE) + (<usize>(i * all + place) << 2);
    dotsPair(work, work + row, spread, columns, row, out, at(job, V.VARIANCE) + (<usize>(other * all + place) << 2));
  }
}

function scaled(from: usize, factor: v128, to: usize, row: usize): void {
  for (let x: usize = 0; x < row; x += 16) v128.store(to + x, f32x4.mul(factor, v128.load(from + x)));
}
