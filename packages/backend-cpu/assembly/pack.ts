import * as L from "../src/job-layout";
import { rowsOf } from "./convert";
import { at, fill, filled, int, rowBytes } from "./job";

/** Unit: a key block. Brings its keys and values into panels, widened to f32. */
export function pack(job: usize, block: i32, scratch: usize): void {
  const size = int(job, L.BLOCK_SIZE);
  const row = rowBytes(job);
  const text = block - int(job, L.VISUAL_BLOCKS);
  const first = text < 0 ? block * size : int(job, L.VISUAL) + text * size;
  const valid = text < 0 ? filled(job, block) : min(size, int(job, L.TEXT_VALID) - text * size);
  const to = <usize>block * <usize>size * row;
  transposePanels(rowsOf(job, L.KEY, first, valid, scratch), at(job, L.KEY_PANELS) + to, valid, row);
  splitPanels(rowsOf(job, L.VALUE, first, valid, scratch), at(job, L.VALUE_PANELS) + to, valid, size, row);
}

/** Unit: a tile of 128 strata of one group, groups one after the other. */
export function packStrata(job: usize, unit: i32): void {
  const row = rowBytes(job);
  const strata = int(job, L.VISUAL_BLOCKS) * int(job, L.STRATA_PER_BLOCK);
  const tiles = (strata + L.TILE_COLUMNS - 1) / L.TILE_COLUMNS;
  const first = (unit % tiles) * L.TILE_COLUMNS;
  const valid = min(L.TILE_COLUMNS, strata - first);
  const from = <usize>((unit / tiles) * strata + first) * row;
  const to = <usize>(unit * L.TILE_COLUMNS) * row;
  transposePanels(at(job, L.STRATA_KEY) + from, at(job, L.STRATA_KEY_PANELS) + to, valid, row);
  splitPanels(at(job, L.STRATA_VALUE) + from, at(job, L.STRATA_VALUE_PANELS) + to, valid, L.TILE_COLUMNS, row);
}

/** Rows `[valid, d]` to `[panels][d][16]`, zero behind the last row of the last panel. */
function transposePanels(from: usize, to: usize, valid: i32, row: usize): void {
  for (let first = 0; first < valid; first += 16) {
    const rows = min(16, valid - first);
    if (rows < 16) fill(to, row << 4, 0);
    let r = 0;
    for (; r + 4 <= rows; r += 4) transposeFour(from + <usize>r * row, to + (<usize>r << 2), row);
    for (; r < rows; r++) {
      const source = from + <usize>r * row;
      for (let x: usize = 0; x < row; x += 4) store<f32>(to + (x << 4) + (<usize>r << 2), load<f32>(source + x));
    }
    from += row << 4;
    to += row << 4;
  }
}

/** Four rows become four neighbouring columns of a panel. */
function transposeFour(from: usize, to: usize, row: usize): void {
  transposeRows(from, from + row, from + row * 2, from + row * 3, to, row);
}

/** The same for rows that lie anywhere. */
export function transposeRows(p: usize, q: usize, r: usize, t: usize, to: usize, row: usize): void {
  for (const end = p + row; p < end; p += 16, q += 16, r += 16, t += 16, to += 256) {
    const a = v128.load(p);
    const b = v128.load(q);
    const c = v128.load(r);
    const d = v128.load(t);
    const ab = i32x4.shuffle(a, b, 0, 4, 1, 5);
    const cd = i32x4.shuffle(c, d, 0, 4, 1, 5);
    const AB = i32x4.shuffle(a, b, 2, 6, 3, 7);
    const CD = i32x4.shuffle(c, d, 2, 6, 3, 7);
    v128.store(to, i32x4.shuffle(ab, cd, 0, 1, 4, 5));
    v128.store(to, i32x4.shuffle(ab, cd, 2, 3, 6, 7), 64);
    v128.store(to, i32x4.shuffle(AB, CD, 0, 1, 4, 5), 128);
    v128.store(to, i32x4.shuffle(AB, CD, 2, 3, 6, 7), 192);
  }
}

/** Rows `[valid, d]` to `[d / 16][slots][16]`. */
function splitPanels(from: usize, to: usize, valid: i32, slots: i32, row: usize): void {
  const panel = <usize>slots << 6;
  for (let r = 0; r < valid; r++, to += 64) {
    let out = to;
    for (const end = from + row; from < end; from += 64, out += panel) {
      v128.store(out, v128.load(from));
      v128.store(out, v128.load(from, 16), 16);
      v128.store(out, v128.load(from, 32), 32);
      v128.store(out, v128.load(from, 48), 48);
    }
  }
}
