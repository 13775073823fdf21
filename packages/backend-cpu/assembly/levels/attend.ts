import * as V from "../../src/levels/job-layout";
import * as L from "../../src/job-layout";
import { BIAS, begin, exactTile, finish, flash, stateAt } from "../attend";
import { at, copy, fill, int, rowBytes } from "../job";
import { LOG2E } from "../math";
import { transposeRows } from "../pack";
import { blockColumns } from "./tree";

/**
 * Unit: 64 query rows, visual tiles first, then text. Flash attention over the exact blocks, then over tiles of gathered
 * nodes (levels.md section 5). Works through a few tiles per call; returns where to go on, 0 when the rows are done.
 */
export function attendLists(job: usize, unit: i32, scratch: usize, from: i32): i32 {
  const n = int(job, L.VISUAL_BLOCKS);
  const size = int(job, L.BLOCK_SIZE);
  const row = rowBytes(job);
  const text = unit - (n * size) / L.TILE_ROWS;
  const first = text < 0 ? unit * L.TILE_ROWS : int(job, L.VISUAL) + text * L.TILE_ROWS;
  const last = text < 0 ? int(job, L.VISUAL) : int(job, L.VISUAL) + int(job, L.TEXT_VALID);
  const rows = max(0, min(L.TILE_ROWS, last - first));
  const block = text < 0 ? first / size : -1;
  const exact = text < 0 ? load<i32>(at(job, L.COUNTS) + (<usize>block << 2)) : n + int(job, L.TEXT_BLOCKS);
  const listed = text < 0 ? load<i32>(at(job, V.LIST_COUNTS) + (<usize>block << 2)) : 0;
  const total = rows == 0 ? 0 : exact + (listed + L.TILE_COLUMNS - 1) / L.TILE_COLUMNS;
  if (from == 0) begin(job, first, rows, scratch, row);
  const end = min(total, from + L.CHUNK_TILES);
  const list = text < 0 ? at(job, L.INDICES) + (<usize>(block * int(job, L.STRIDE)) << 2) : 0;
  for (let t = from; t < end; t++) {
    if (t < exact) exactTile(job, text < 0 ? load<i32>(list + (<usize>t << 2)) : t, rows, scratch, row);
    else gatheredTile(job, block, (t - exact) * L.TILE_COLUMNS, listed, rows, scratch, row);
  }
  if (end < total) return end;
  const slots = text < 0 ? rows : max(0, min(L.TILE_ROWS, int(job, L.TOKENS) - first));
  finish(job, first, rows, slots, block, scratch, row);
  return 0;
}

/** Up to 128 listed nodes as one tile of keys and values, brought into panels. */
function gatheredTile(job: usize, block: i32, first: i32, listed: i32, rows: i32, scratch: usize, row: usize): void {
  const count = min(L.TILE_COLUMNS, listed - first);
  const place = <usize>(block * int(job, V.LIST_STRIDE) + first) << 2;
  const columns = at(job, V.COLUMNS_LISTED) + place;
  const group = load<i32>(at(job, V.CLUSTER) + (<usize>block << 2)) - int(job, V.CLUSTER_FIRST);
  const base = <usize>(group * int(job, L.VISUAL_BLOCKS) * blockColumns(job)) * row;
  const keys = stateAt(scratch, row) + BIAS + 1024;
  const values = keys + <usize>L.TILE_COLUMNS * row;
  gatherKeys(at(job, V.NODE_KEY) + base, columns, count, keys, row);
  gatherValues(at(job, V.NODE_VALUE) + base, columns, count, values, row);
  const bias = stateAt(scratch, row) + BIAS;
  fill(bias, 512, -Infinity);
  const source = at(job, V.COLUMN_BIAS) + place;
  for (let x: usize = 0; x < <usize>count << 2; x += 4) store<f32>(bias + x, load<f32>(source + x) * LOG2E);
  flash(keys, values, L.TILE_COLUMNS, count, bias, rows, scratch, row);
}

/** Listed rows as panels of 16 keys; the last row fills up the last four. */
function gatherKeys(from: usize, columns: usize, count: i32, to: usize, row: usize): void {
  for (let first = 0; first < count; first += 16, to += row << 4)
    for (let r = 0; r < 16; r += 4)
      transposeRows(
        from + listedRow(columns, first + r, count) * row,
        from + listedRow(columns, first + r + 1, count) * row,
        from + listedRow(columns, first + r + 2, count) * row,
        from + listedRow(columns, first + r + 3, count) * row,
        to + (<usize>r << 2),
        row,
      );
}

@inline function listedRow(columns: usize, at: i32, count: i32): usize {
  return <usize>load<i32>(columns + (<usize>min(at, count - 1) << 2));
}

/** Listed rows as panels of 16 channels. */
function gatherValues(from: usize, columns: usize, count: i32, to: usize, row: usize): void {
  const panel = <usize>L.TILE_COLUMNS << 6;
  for (let r = 0; r < count; r++, columns += 4, to += 64) {
    let source = from + <usize>load<i32>(columns) * row;
    let out = to;
    for (const end = source + row; source < end; source += 64, out += panel) copy(out, source, 64);
  }
}
