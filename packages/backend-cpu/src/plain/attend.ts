import { convert, type FloatDType } from "@spaattn/core";
import * as L from "../job-layout.js";
import { type Job, rowsOf } from "./heap.js";
import { scoreTile, weighTile } from "./tiles.js";

const OUT_TYPES: readonly FloatDType[] = ["f32", "f16", "bf16"];

/** The rows of one task and where its running state lies, as indices into `heap.f32`. */
interface Tile {
  readonly row: number;
  readonly rows: number;
  /** Rows to write; those past `rows` are invalid text slots. */
  readonly slots: number;
  /** Query block, or -1 for text rows. */
  readonly block: number;
  readonly queries: number;
  readonly scores: number;
  readonly sums: number;
  readonly tops: number;
  readonly totals: number;
}

function tileOf(job: Job, unit: number, scratch: number): Tile {
  const { blockSize: B, visual: N, headDim: d } = job;
  const visualTiles = (job.visualBlocks * B) / L.TILE_ROWS;
  const text = unit - visualTiles;
  const row = text < 0 ? unit * L.TILE_ROWS : N + text * L.TILE_ROWS;
  const clip = (end: number) => Math.max(0, Math.min(L.TILE_ROWS, end - row));
  const rows = clip(text < 0 ? N : N + job.int(L.TEXT_VALID));
  const queries = scratch >>> 2;
  const scores = queries + L.TILE_ROWS * d;
  const sums = scores + L.TILE_ROWS * L.TILE_COLUMNS;
  const tops = sums + L.TILE_ROWS * d;
  return {
    row,
    rows,
    slots: text < 0 ? rows : clip(job.int(L.TOKENS)),
    block: text < 0 ? Math.floor(row / B) : -1,
    queries,
    scores,
    sums,
    tops,
    totals: tops + L.TILE_ROWS,
  };
}

/**
 * Unit: 64 query rows, visual tiles first, then text. Flash attention over the row's block list, then over the tiles
 * of strata (tail). Works through a few key tiles per call; returns where to go on, 0 when the rows are done.
 */
export function attend(job: Job, unit: number, scratch: number, from: number): number {
  const { heap, visualBlocks: n } = job;
  const tile = tileOf(job, unit, scratch);
  const listed = tile.block >= 0 && !job.int(L.DENSE);
  const exact = listed ? heap.i32[job.words(L.COUNTS) + tile.block] : n + job.int(L.TEXT_BLOCKS);
  const strata = listed && job.int(L.RECTIFY) === 2 ? n * job.int(L.STRATA_PER_BLOCK) : 0;
  const total = tile.rows === 0 ? 0 : exact + Math.ceil(strata / L.TILE_COLUMNS);
  if (from === 0) begin(job, tile);
  const end = Math.min(total, from + L.CHUNK_TILES);
  for (let t = from; t < end; t++) {
    if (t >= exact) pseudoTile(job, tile, t - exact, strata);
    else exactTile(job, tile, listed ? heap.i32[job.words(L.INDICES) + tile.block * job.int(L.STRIDE) + t] : t);
  }
  if (end < total) return end;
  finish(job, tile, listed);
  return 0;
}

function begin(job: Job, tile: Tile): void {
  const { f32 } = job.heap;
  const d = job.headDim;
  const source = rowsOf(job, L.QUERY, tile.row, tile.rows, tile.queries);
  const scale = job.float(L.SCALE);
  for (let x = 0; x < tile.rows * d; x++) f32[tile.queries + x] = scale * f32[source + x];
  f32.fill(0, tile.queries + tile.rows * d, tile.queries + L.TILE_ROWS * d);
  f32.fill(0, tile.sums, tile.sums + L.TILE_ROWS * d);
  f32.fill(Number.NEGATIVE_INFINITY, tile.tops, tile.tops + L.TILE_ROWS);
  f32.fill(0, tile.totals, tile.totals + L.TILE_ROWS);
}

function exactTile(job: Job, tile: Tile, block: number): void {
  const { blockSize: B, headDim: d, visualBlocks: n } = job;
  const at = block * B * d;
  const valid = block < n ? job.filled(block) : Math.min(B, job.int(L.TEXT_VALID) - (block - n) * B);
  flashTile(job, tile, job.words(L.KEY_PANELS) + at, job.words(L.VALUE_PANELS) + at, B, valid, -1);
}

function pseudoTile(job: Job, tile: Tile, index: number, strata: number): void {
  const { headDim: d } = job;
  const group = Math.floor(tile.block / job.int(L.GROUP)) - job.int(L.GROUP_FIRST);
  const tiles = Math.ceil(strata / L.TILE_COLUMNS);
  const at = (group * tiles + index) * L.TILE_COLUMNS * d;
  const first = index * L.TILE_COLUMNS;
  const valid = Math.min(L.TILE_COLUMNS, strata - first);
  const bias = job.words(L.BIAS) + tile.block * strata + first;
  const row = job.heap.f32.subarray(bias, bias + valid);
  if (row.every((value) => value === Number.NEGATIVE_INFINITY)) return;
  const keys = job.words(L.STRATA_KEY_PANELS) + at;
  flashTile(job, tile, keys, job.words(L.STRATA_VALUE_PANELS) + at, L.TILE_COLUMNS, valid, bias);
}

/** One step of online softmax: scores, new maximum, rescaled sums, weighted values. */
function flashTile(job: Job, tile: Tile, keys: number, values: number, slots: number, valid: number, bias: number) {
  const { f32 } = job.heap;
  const d = job.headDim;
  const rows = (tile.rows + 3) & ~3;
  const columns = (valid + 1) & ~1;
  scoreTile(f32, tile.queries, keys, tile.scores, rows, columns, d);
  for (let r = 0; r < rows; r++) {
    const at = tile.scores + r * L.TILE_COLUMNS;
    if (bias >= 0) for (let x = 0; x < valid; x++) f32[at + x] += f32[bias + x];
    let top = f32[tile.tops + r];
    for (let x = 0; x < valid; x++) if (f32[at + x] > top) top = f32[at + x];
    if (top === Number.NEGATIVE_INFINITY) top = 0;
    const decay = Math.exp(f32[tile.tops + r] - top);
    let total = f32[tile.totals + r] * decay;
    for (let x = 0; x < valid; x++) total += f32[at + x] = Math.exp(f32[at + x] - top);
    if (columns > valid) f32[at + valid] = 0;
    f32[tile.tops + r] = top;
    f32[tile.totals + r] = total;
    const sums = tile.sums + r * d;
    if (decay !== 1) for (let x = 0; x < d; x++) f32[sums + x] *= decay;
  }
  weighTile(f32, tile.scores, values, tile.sums, rows, valid, d, slots);
}

/** Divides by the normaliser, applies R and E (docs/method.md#output) and writes the rows. */
function finish(job: Job, tile: Tile, listed: boolean): void {
  const { heap, headDim: d } = job;
  const { f32 } = heap;
  const paper = listed && job.int(L.RECTIFY) === 1;
  const factor = paper ? f32[job.words(L.FACTOR) + tile.block] : 1;
  const compensation = paper ? job.words(L.COMPENSATION) + tile.block * d : -1;
  const lse = job.words(L.LSE);
  for (let r = 0; r < tile.slots; r++) {
    const sums = tile.sums + r * d;
    const total = f32[tile.totals + r];
    const empty = r >= tile.rows || total === 0;
    const scale = empty ? 0 : factor / total;
    const shift = compensation >= 0 && r < tile.rows;
    for (let x = 0; x < d; x++) f32[sums + x] = f32[sums + x] * scale + (shift ? f32[compensation + x] : 0);
    if (lse >= 0) f32[lse + tile.row + r] = empty ? Number.NEGATIVE_INFINITY : f32[tile.tops + r] + Math.log(total);
  }
  const done = f32.subarray(tile.sums, tile.sums + tile.slots * d);
  const type = OUT_TYPES[job.int(L.OUT_DTYPE)];
  if (type === "f32") f32.set(done, job.words(L.OUTPUT) + tile.row * d);
  else heap.u16.set(convert(done, "f32", type), (job.int(L.OUTPUT) >>> 1) + tile.row * d);
}
