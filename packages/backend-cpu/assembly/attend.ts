import * as L from "../src/job-layout";
import { narrow, rowsOf } from "./convert";
import { at, fill, filled, float, int, rowBytes } from "./job";
import { exp2, LN2, log, LOG2E, LOWEST, sum4, top4 } from "./math";
import { scoreTile, weighTile } from "./tiles";

// The running state of 64 rows behind queries, scores and sums: maxima of the tile (a vector per row), then
const TOPS: usize = 1024; // running maximum, in units of log2
const TOTALS: usize = 1280; // running normaliser, a vector per row
const DECAYS: usize = 2304; // factor of the sums so far
export const BIAS: usize = 2560; // bias row of a tile, 128 columns

const SCORE_BYTES: usize = 64 * 128 * 4;

/**
 * Unit: 64 query rows, visual tiles first, then text. Flash attention over the row's block list, then over the tiles
 * of strata (tail). Works through a few key tiles per call; returns where to go on, 0 when the rows are done.
 */
export function attend(job: usize, unit: i32, scratch: usize, from: i32): i32 {
  const n = int(job, L.VISUAL_BLOCKS);
  const size = int(job, L.BLOCK_SIZE);
  const row = rowBytes(job);
  const text = unit - (n * size) / L.TILE_ROWS;
  const first = text < 0 ? unit * L.TILE_ROWS : int(job, L.VISUAL) + text * L.TILE_ROWS;
  const last = text < 0 ? int(job, L.VISUAL) : int(job, L.VISUAL) + int(job, L.TEXT_VALID);
  const rows = max(0, min(L.TILE_ROWS, last - first));
  const block = text < 0 ? first / size : -1;
  const listed = text < 0 && !int(job, L.DENSE);

  const exact = listed ? load<i32>(at(job, L.COUNTS) + (<usize>block << 2)) : n + int(job, L.TEXT_BLOCKS);
  const strata = listed && int(job, L.RECTIFY) == 2 ? n * int(job, L.STRATA_PER_BLOCK) : 0;
  const total = rows == 0 ? 0 : exact + (strata + L.TILE_COLUMNS - 1) / L.TILE_COLUMNS;
  if (from == 0) begin(job, first, rows, scratch, row);
  const end = min(total, from + L.CHUNK_TILES);
  const list = listed ? at(job, L.INDICES) + (<usize>(block * int(job, L.STRIDE)) << 2) : 0;
  for (let t = from; t < end; t++) {
    if (t < exact) exactTile(job, listed ? load<i32>(list + (<usize>t << 2)) : t, rows, scratch, row);
    else pseudoTile(job, block, t - exact, strata, rows, scratch, row);
  }
  if (end < total) return end;
  const slots = text < 0 ? rows : max(0, min(L.TILE_ROWS, int(job, L.TOKENS) - first));
  finish(job, first, rows, slots, listed ? block : -1, scratch, row);
  return 0;
}

@inline function sumsAt(scratch: usize, row: usize): usize {
  return scratch + 64 * row + SCORE_BYTES;
}

@inline export function stateAt(scratch: usize, row: usize): usize {
  return scratch + 128 * row + SCORE_BYTES;
}

/** Scaled queries, interleaved in pairs of rows so that one address serves both; empty sums. */
export function begin(job: usize, first: i32, rows: i32, scratch: usize, row: usize): void {
  const sums = sumsAt(scratch, row);
  const state = stateAt(scratch, row);
  // The sums' place is free until the first tile: room to widen 16-bit queries.
  const source = rowsOf(job, L.QUERY, first, rows, sums);
  const scale = f32x4.splat(float(job, L.SCALE) * LOG2E);
  if (rows & 1) fill(scratch, 64 * row, 0);
  for (let r = 0; r < rows; r++) {
    let from = source + <usize>r * row;
    let to = scratch + <usize>(r >> 1) * row * 2 + (<usize>(r & 1) << 2);
    for (const end = from + row; from < end; from += 16, to += 32) {
      const x = f32x4.mul(v128.load(from), scale);
      v128.store32_lane(to, x, 0, 0);
      v128.store32_lane(to, x, 1, 8);
      v128.store32_lane(to, x, 2, 16);
      v128.store32_lane(to, x, 3, 24);
    }
  }
  fill(sums, 64 * row, 0);
  fill(state, TOTALS, LOWEST);
  fill(state + TOTALS, DECAYS - TOTALS, 0);
}

export function exactTile(job: usize, block: i32, rows: i32, scratch: usize, row: usize): void {
  const size = int(job, L.BLOCK_SIZE);
  const n = int(job, L.VISUAL_BLOCKS);
  const valid = block < n ? filled(job, block) : min(size, int(job, L.TEXT_VALID) - (block - n) * size);
  const offset = <usize>(block * size) * row;
  let bias: usize = 0;
  if (valid & 15) {
    // Columns past the last key must not reach the maximum or the sum.
    bias = stateAt(scratch, row) + BIAS;
    fill(bias, 512, -Infinity);
    for (let c = 0; c < valid; c++) store<f32>(bias + (<usize>c << 2), 0);
  }
  flash(at(job, L.KEY_PANELS) + offset, at(job, L.VALUE_PANELS) + offset, size, valid, bias, rows, scratch, row);
}

/** A tile of 128 strata: pseudo-keys whose bias is the same for all rows of the block (beyond.md section 11). */
function pseudoTile(job: usize, block: i32, index: i32, strata: i32, rows: i32, scratch: usize, row: usize): void {
  const group = block / int(job, L.GROUP) - int(job, L.GROUP_FIRST);
  const tiles = (strata + L.TILE_COLUMNS - 1) / L.TILE_COLUMNS;
  const first = index * L.TILE_COLUMNS;
  const valid = min(L.TILE_COLUMNS, strata - first);
  const bias = stateAt(scratch, row) + BIAS;
  const source = at(job, L.BIAS) + (<usize>(block * strata + first) << 2);
  fill(bias, 512, -Infinity);
  let any = false;
  for (let c = 0; c < valid; c++) {
    const b = load<f32>(source + (<usize>c << 2));
    any = any || b != -Infinity;
    store<f32>(bias + (<usize>c << 2), b * LOG2E);
  }
  if (!any) return;
  const offset = <usize>((group * tiles + index) * L.TILE_COLUMNS) * row;
  flash(
    at(job, L.STRATA_KEY_PANELS) + offset,
    at(job, L.STRATA_VALUE_PANELS) + offset,
    L.TILE_COLUMNS,
    valid,
    bias,
    rows,
    scratch,
    row,
  );
}

/** One step of online softmax: scores, new maximum, rescaled sums, weighted values. */
export function flash(keys: usize, values: usize, slots: i32, valid: i32, bias: usize, rows: i32, scratch: usize, row: usize): void {
  const scores = scratch + 64 * row;
  const state = stateAt(scratch, row);
  const pairs = (rows + 1) >> 1;
  const panels = (valid + 15) >> 4;
  scoreTile(scratch, keys, scores, state, pairs, panels, row);
  if (bias != 0) addBias(scores, state, bias, pairs << 1, panels);
  softmaxRows(scores, state, pairs << 1, panels);
  weighTile(scores, values, sumsAt(scratch, row), state + DECAYS, pairs, valid, slots, row);
}

/** Adds the bias of each column and takes the row maxima anew. */
function addBias(scores: usize, tops: usize, bias: usize, rows: i32, panels: i32): void {
  const bytes = <usize>panels << 6;
  for (let r = 0; r < rows; r++, scores += 512, tops += 16) {
    let top = f32x4.splat(LOWEST);
    for (let x: usize = 0; x < bytes; x += 16) {
      const s = f32x4.add(v128.load(scores + x), v128.load(bias + x));
      v128.store(scores + x, s);
      top = f32x4.pmax(top, s);
    }
    v128.store(tops, top);
  }
}

/** Exponentials of the scores about the new running maximum; leaves the factor of the sums so far. */
function softmaxRows(scores: usize, state: usize, rows: i32, panels: i32): void {
  const bytes = <usize>panels << 6;
  let tops = state + TOPS;
  let totals = state + TOTALS;
  let decays = state + DECAYS;
  for (let r = 0; r < rows; r++) {
    const before = v128.load32_splat(tops);
    const top = f32x4.pmax(before, top4(v128.load(state)));
    v128.store(state, f32x4.splat(LOWEST));
    store<f32>(tops, f32x4.extract_lane(top, 0));
    const decay = exp2(f32x4.sub(before, top));
    store<f32>(decays, f32x4.extract_lane(decay, 0));
    let a = f32x4.mul(v128.load(totals), decay);
    let b = f32x4.splat(0);
    let p = scores;
    const end = p + bytes;
    do {
      const e0 = exp2(f32x4.sub(v128.load(p), top));
      const e1 = exp2(f32x4.sub(v128.load(p, 16), top));
      v128.store(p, e0);
      v128.store(p, e1, 16);
      a = f32x4.add(a, e0);
      b = f32x4.add(b, e1);
      p += 32;
    } while (p < end);
    v128.store(totals, f32x4.add(a, b));
    scores += 512;
    state += 16;
    tops += 4;
    totals += 16;
    decays += 4;
  }
}

/** Divides by the normaliser, applies R and E (algorithm.md section 6) and writes the rows. */
export function finish(job: usize, first: i32, rows: i32, slots: i32, block: i32, scratch: usize, row: usize): void {
  const sums = sumsAt(scratch, row);
  const state = stateAt(scratch, row);
  const paper = block >= 0 && int(job, L.RECTIFY) == 1;
  const factor: f32 = paper ? load<f32>(at(job, L.FACTOR) + (<usize>block << 2)) : 1;
  const compensation = paper ? at(job, L.COMPENSATION) + <usize>block * row : 0;
  const lse = at(job, L.LSE);
  const dtype = int(job, L.OUT_DTYPE);
  const d = row >> 2;
  for (let r = 0; r < slots; r++) {
    const from = sums + <usize>r * row;
    const total = sum4(v128.load(state + TOTALS + (<usize>r << 4)));
    const empty = r >= rows || total == 0;
    const scale = f32x4.splat(empty ? 0 : factor / total);
    // 16-bit outputs are finished in place, then rounded.
    const index = <usize>(first + r);
    const to = dtype == 0 ? at(job, L.OUTPUT) + index * row : from;
    if (compensation != 0 && r < rows) {
      for (let x: usize = 0; x < row; x += 16)
        v128.store(to + x, f32x4.add(f32x4.mul(v128.load(from + x), scale), v128.load(compensation + x)));
    } else {
      for (let x: usize = 0; x < row; x += 16) v128.store(to + x, f32x4.mul(v128.load(from + x), scale));
    }
    if (dtype != 0) narrow(from, at(job, L.OUTPUT) + index * d * 2, d, dtype);
    if (lse == 0) continue;
    const top = <f64>load<f32>(state + TOPS + (<usize>r << 2));
    store<f32>(lse + (index << 2), empty ? -Infinity : <f32>(top * LN2 + log(<f64>total)));
  }
}
