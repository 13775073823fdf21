import * as L from "../job-layout.js";
import { type Job, rowsOf } from "./heap.js";

/** Unit: a key block. Brings its keys and values into panels, widened to f32. */
export function pack(job: Job, block: number, scratch: number): void {
  const { blockSize: B, headDim: d, visualBlocks: n } = job;
  const text = block - n;
  const first = text < 0 ? block * B : job.visual + text * B;
  const valid = text < 0 ? job.filled(block) : Math.min(B, job.int(L.TEXT_VALID) - text * B);
  const keys = rowsOf(job, L.KEY, first, valid, scratch >>> 2);
  transposePanels(job.heap.f32, keys, job.words(L.KEY_PANELS) + block * B * d, valid, B, d);
  const values = rowsOf(job, L.VALUE, first, valid, scratch >>> 2);
  splitPanels(job.heap.f32, values, job.words(L.VALUE_PANELS) + block * B * d, valid, B, d);
}

/** Unit: a tile of 128 strata of one group, groups one after the other. */
export function packStrata(job: Job, unit: number): void {
  const { headDim: d, visualBlocks: n } = job;
  const strata = n * job.int(L.STRATA_PER_BLOCK);
  const tiles = Math.ceil(strata / L.TILE_COLUMNS);
  const group = Math.floor(unit / tiles);
  const first = (unit % tiles) * L.TILE_COLUMNS;
  const valid = Math.min(L.TILE_COLUMNS, strata - first);
  const from = (group * strata + first) * d;
  const to = unit * L.TILE_COLUMNS * d;
  const { f32 } = job.heap;
  transposePanels(f32, job.words(L.STRATA_KEY) + from, job.words(L.STRATA_KEY_PANELS) + to, valid, L.TILE_COLUMNS, d);
  splitPanels(f32, job.words(L.STRATA_VALUE) + from, job.words(L.STRATA_VALUE_PANELS) + to, valid, L.TILE_COLUMNS, d);
}

/** Rows `[valid, d]` to `[slots / 16][d][16]`, zero behind the last row. */
function transposePanels(f32: Float32Array, from: number, to: number, valid: number, slots: number, d: number): void {
  for (let slot = 0; slot < slots; slot++) {
    const out = to + (slot >> 4) * 16 * d + (slot & 15);
    const row = from + slot * d;
    if (slot < valid) for (let x = 0; x < d; x++) f32[out + x * 16] = f32[row + x];
    else for (let x = 0; x < d; x++) f32[out + x * 16] = 0;
  }
}

/** Rows `[valid, d]` to `[d / 16][slots][16]`. */
function splitPanels(f32: Float32Array, from: number, to: number, valid: number, slots: number, d: number): void {
  for (let panel = 0; panel < d; panel += 16)
    for (let slot = 0; slot < valid; slot++) {
      const row = from + slot * d + panel;
      f32.copyWithin(to + panel * slots + slot * 16, row, row + 16);
    }
}
