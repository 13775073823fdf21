import * as K from "../../src/network/kernels";
import { exp2, LOG2E, LOWEST, sum4, top4 } from "../math";
import { scoreTile, weighTile } from "../tiles";

/** Dense attention of two streams of any size, in the manner of attend.ts: 64 query rows against tiles of 128 keys. */
@unmanaged
class DenseJob {
  query: usize;
  key: usize;
  value: usize;
  output: usize;
  heads: i32;
  /** Query and key rows. */
  sq: i32;
  sk: i32;
  d: i32;
  dv: i32;
  scale: f32;
  /** u8 `[batch][sk]`, or 0. */
  mask: usize;
  /** f32 `[biasBatch][heads][sq][sk]`, or 0. */
  bias: usize;
  biasBatch: i32;
  /** 0: all keys. */
  frame: i32;
  keyPanels: usize;
  valuePanels: usize;
  /** Units of one head, and units of one frame. */
  units: i32;
  perFrame: i32;
}

@inline function slots(j: DenseJob): usize {
  return <usize>((j.sk + K.KEY_COLUMNS - 1) & ~(K.KEY_COLUMNS - 1));
}

@inline function paddedWidth(j: DenseJob): usize {
  return <usize>((j.dv + 15) & ~15);
}

/** Unit: 128 keys of a head. Keys to panels `[d][16]`, values to `[16 channels][slots][16]`; hidden ones are zero. */
export function packKeys(job: usize, unit: i32): void {
  const j = changetype<DenseJob>(job);
  const tiles = (j.sk + K.KEY_COLUMNS - 1) / K.KEY_COLUMNS;
  const head = unit / tiles;
  const first = (unit % tiles) * K.KEY_COLUMNS;
  const row = <usize>j.d << 2;
  const wide = paddedWidth(j);
  const mask = j.mask == 0 ? <usize>0 : j.mask + <usize>((head / j.heads) * j.sk);
  const keys = j.keyPanels + <usize>head * slots(j) * row;
  const values = j.valuePanels + <usize>head * slots(j) * wide * 4;
  for (let c = first; c < first + K.KEY_COLUMNS; c++) {
    const there = c < j.sk && (mask == 0 || load<u8>(mask + <usize>c) != 0);
    let to = keys + <usize>(c >> 4) * (row << 4) + (<usize>(c & 15) << 2);
    let from = j.key + <usize>(head * j.sk + c) * row;
    for (let x: usize = 0; x < row; x += 4, to += 64) store<f32>(to, there ? load<f32>(from + x) : 0);
    from = j.value + <usize>(head * j.sk + c) * (<usize>j.dv << 2);
    for (let x: usize = 0; x < wide; x++) {
      const at = values + ((x >> 4) * slots(j) + <usize>c << 6) + ((x & 15) << 2);
      store<f32>(at, there && <i32>x < j.dv ? load<f32>(from + (x << 2)) : 0);
    }
  }
}

// State behind queries, scores and sums: maxima of the tile, running maxima, normalisers, decays, visible columns.
const TOPS: usize = 1024;
const TOTALS: usize = 1280;
const DECAYS: usize = 2304;
const COLUMNS: usize = 2560;
const SCORE_BYTES: usize = 64 * 128 * 4;

/** Unit: up to 64 query rows of a head, all of one frame where attention is causal. */
export function dense(job: usize, unit: i32, scratch: usize): void {
  const j = changetype<DenseJob>(job);
  const head = unit / j.units;
  const local = unit % j.units;
  const frame = j.frame > 0 ? local / j.perFrame : 0;
  const size = j.frame > 0 ? j.frame : j.sq;
  const first = frame * size + (local % j.perFrame) * K.QUERY_ROWS;
  const rows = min(K.QUERY_ROWS, min(j.sq, (frame + 1) * size) - first);
  if (rows <= 0) return;
  const limit = j.frame > 0 ? min(j.sk, (frame + 1) * size) : j.sk;
  const row = <usize>j.d << 2;
  const wide = paddedWidth(j) << 2;
  const scores = scratch + 64 * row;
  const sums = scores + SCORE_BYTES;
  const state = sums + 64 * wide;
  begin(j, head, first, rows, scratch, row);
  memory.fill(sums, 0, 64 * wide);
  for (let x: usize = 0; x < TOTALS; x += 16) v128.store(state + x, f32x4.splat(LOWEST));
  memory.fill(state + TOTALS, 0, DECAYS - TOTALS);
  const pairs = (rows + 1) >> 1;
  const keys = j.keyPanels + <usize>head * slots(j) * row;
  const values = j.valuePanels + <usize>head * slots(j) * wide;
  for (let c = 0; c < limit; c += K.KEY_COLUMNS) {
    const valid = min(K.KEY_COLUMNS, limit - c);
    const panels = (valid + 15) >> 4;
    scoreTile(scratch, keys + <usize>c * row, scores, state, pairs, panels, row);
    if (j.mask != 0 || j.bias != 0 || valid & 15) addBias(j, head, first, rows, c, valid, panels, scores, state);
    softmaxRows(scores, state, pairs << 1, panels);
    weighTile(scores, values + (<usize>c << 6), sums, state + DECAYS, pairs, valid, <i32>slots(j), wide);
  }
  finish(j, head, first, rows, sums, state, wide);
}

/** Scaled queries, interleaved in pairs of rows. */
function begin(j: DenseJob, head: i32, first: i32, rows: i32, to: usize, row: usize): void {
  const scale = j.scale * LOG2E;
  if (rows & 1) memory.fill(to, 0, <usize>(rows + 1) * row);
  for (let r = 0; r < rows; r++) {
    const from = j.query + <usize>(head * j.sq + first + r) * row;
    let out = to + <usize>(r >> 1) * row * 2 + (<usize>(r & 1) << 2);
    for (let x: usize = 0; x < row; x += 4, out += 8) store<f32>(out, load<f32>(from + x) * scale);
  }
}

/** Adds the bias, hides masked columns and those behind the last key, and takes the row maxima anew. */
function addBias(
  j: DenseJob,
  head: i32,
  first: i32,
  rows: i32,
  c: i32,
  valid: i32,
  panels: i32,
  scores: usize,
  state: usize,
): void {
  const hidden = state + COLUMNS;
  const mask = j.mask == 0 ? <usize>0 : j.mask + <usize>((head / j.heads) * j.sk + c);
  const columns = panels << 4;
  for (let x = 0; x < columns; x++) {
    const there = x < valid && (mask == 0 || load<u8>(mask + <usize>x) != 0);
    store<f32>(hidden + (<usize>x << 2), there ? 0 : -Infinity);
  }
  const biasHead = j.biasBatch == 1 ? head % j.heads : head;
  const bytes = <usize>columns << 2;
  for (let r = 0; r < rows; r++) {
    const at = scores + (<usize>r << 9);
    const bias = j.bias == 0 ? <usize>0 : j.bias + (<usize>((biasHead * j.sq + first + r) * j.sk + c) << 2);
    let top = f32x4.splat(LOWEST);
    for (let x: usize = 0; x < bytes; x += 16) {
      let s = v128.load(at + x);
      if (bias != 0) s = f32x4.add(s, f32x4.mul(v128.load(bias + x), f32x4.splat(LOG2E)));
      // Whatever stands behind the last key, and NaN of hidden ones, is replaced and not added to.
      const h = v128.load(hidden + x);
      s = v128.bitselect(s, f32x4.splat(-Infinity), f32x4.eq(h, f32x4.splat(0)));
      v128.store(at + x, s);
      top = f32x4.pmax(top, s);
    }
    v128.store(state + (<usize>r << 4), top);
  }
}

/** Exponentials of the scores about the new running maximum; a score of minus infinity weighs nothing at all. */
function softmaxRows(scores: usize, state: usize, rows: i32, panels: i32): void {
  const bytes = <usize>panels << 6;
  for (let r = 0; r < rows; r++, scores += 512) {
    const tops = state + TOPS + (<usize>r << 2);
    const totals = state + TOTALS + (<usize>r << 4);
    const tile = state + (<usize>r << 4);
    const before = v128.load32_splat(tops);
    const top = f32x4.pmax(before, top4(v128.load(tile)));
    v128.store(tile, f32x4.splat(LOWEST));
    store<f32>(tops, f32x4.extract_lane(top, 0));
    const decay = exp2(f32x4.sub(before, top));
    store<f32>(state + DECAYS + (<usize>r << 2), f32x4.extract_lane(decay, 0));
    let a = f32x4.mul(v128.load(totals), decay);
    for (let p = scores, end = scores + bytes; p < end; p += 16) {
      const s = v128.load(p);
      const e = v128.andnot(exp2(f32x4.sub(s, top)), f32x4.eq(s, f32x4.splat(-Infinity)));
      v128.store(p, e);
      a = f32x4.add(a, e);
    }
    v128.store(totals, a);
  }
}

function finish(j: DenseJob, head: i32, first: i32, rows: i32, sums: usize, state: usize, wide: usize): void {
  const bytes = <usize>j.dv << 2;
  for (let r = 0; r < rows; r++) {
    const sum = sum4(v128.load(state + TOTALS + (<usize>r << 4)));
    const factor: f32 = sum == 0 ? 0 : 1 / sum;
    const from = sums + <usize>r * wide;
    const to = j.output + <usize>(head * j.sq + first + r) * bytes;
    let x: usize = 0;
    for (; x + 16 <= bytes; x += 16) v128.store(to + x, f32x4.mul(v128.load(from + x), f32x4.splat(factor)));
    for (; x < bytes; x += 4) store<f32>(to + x, load<f32>(from + x) * factor);
  }
}
