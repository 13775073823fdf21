import * as L from "../job-layout.js";
import type { Job } from "./heap.js";

/** What a row is ranked by, all as indices into `heap.f32`. */
export interface Ranking {
  /** Columns that are ranked: visual blocks, and text last when it competes. */
  readonly columns: number;
  /** Ranking keys as `ordered` bits (i32), higher first; equal keys by lower index. */
  readonly keys: number;
  /** Mass of each column, for cover mass. */
  readonly weights: number;
  /** Mass that counts before the first column. */
  readonly base: number;
}

/** The bits of a float as an integer that orders like it. */
export const ordered = (bits: number): number => bits ^ ((bits >> 31) & 0x7fffffff);

/**
 * Chooses the blocks of row `row` and writes its list (docs/method.md#selection, docs/tail.md#selection).
 *
 * Without a sort: a column is selected when its key is above a threshold, and the threshold is found bit by bit. `marks` (u8, `columns`) is left with 1 where selected.
 */
export function selectRow(job: Job, row: number, ranking: Ranking | undefined, marks: number): void {
  const { heap, visualBlocks: n } = job;
  const { i32, u8 } = heap;
  u8.fill(0, marks, marks + n + 1);
  if (ranking) rank(job, ranking, marks);
  const forced = job.int(L.FORCED);
  if (forced !== 0) for (let j = 0; j < n; j++) u8[marks + j] |= u8[(forced >>> 0) + row * n + j];
  const stride = job.int(L.STRIDE);
  let slot = job.words(L.INDICES) + row * stride;
  const begin = slot;
  for (let j = 0; j < n; j++) if (u8[marks + j]) i32[slot++] = j;
  for (let j = 0; j < job.int(L.TEXT_BLOCKS); j++) i32[slot++] = n + j;
  i32[job.words(L.COUNTS) + row] = slot - begin;
}

function rank(job: Job, { columns, keys, weights, base }: Ranking, marks: number): void {
  const { i32, u8 } = job.heap;
  const cover = job.float(L.COVER_MASS);
  let wanted = Math.max(1, job.int(L.TOP_BLOCKS));
  if (cover > 0) wanted = Math.max(wanted, covering(job, { columns, keys, weights, base }, cover));
  wanted = Math.min(wanted, columns);
  const threshold = searchBits((bits) => {
    let count = 0;
    for (let j = 0; j < columns; j++) if (i32[keys + j] >= bits) count++;
    return count >= wanted;
  });
  let left = wanted;
  for (let j = 0; j < columns; j++) if (i32[keys + j] > threshold) left--;
  for (let j = 0; j < columns; j++)
    if (i32[keys + j] > threshold || (i32[keys + j] === threshold && left-- > 0)) u8[marks + j] = 1;
}

/** The fewest leading columns whose mass exceeds `cover`, or all of them. */
function covering(job: Job, { columns, keys, weights, base }: Ranking, cover: number): number {
  const { i32, f32 } = job.heap;
  // The mass of text alone may exceed `cover`; one column is kept all the same.
  if (base > cover) return 1;
  const threshold = searchBits((bits) => {
    let mass = base;
    for (let j = 0; j < columns; j++) if (i32[keys + j] >= bits) mass += f32[weights + j];
    return mass > cover;
  });
  let count = 0;
  let mass = base;
  for (let j = 0; j < columns; j++)
    if (i32[keys + j] > threshold) {
      count++;
      mass += f32[weights + j];
    }
  for (let j = 0; j < columns && !(mass > cover); j++)
    if (i32[keys + j] === threshold) {
      count++;
      mass += f32[weights + j];
    }
  return mass > cover ? count : columns;
}

/** The largest key bound for which `holds` is true (it is monotone); the lowest when none is. */
function searchBits(holds: (bound: number) => boolean): number {
  // Found as an unsigned number, of which a key is the signed form.
  let bits = 0;
  for (let bit = 31; bit >= 0; bit--) if (holds((bits | (1 << bit)) ^ (1 << 31))) bits |= 1 << bit;
  return bits ^ (1 << 31);
}
