import * as L from "../src/job-layout";
import { at, float, int } from "./job";
import { sum4 } from "./math";

/** The bits of a float as an integer that orders like it. */
@inline export function ordered(bits: i32): i32 {
  return bits ^ ((bits >> 31) & 0x7fffffff);
}

/**
 * Chooses the blocks of row `row` and writes its list (docs/method.md#selection, docs/tail.md#selection).
 *
 * `keys` are `ordered` bits of floats, higher first, equal ones by lower index; `columns` of them are ranked (0:
 * none), and up to the next multiple of 4 there is room. `weights` is the mass of each column, `base` the mass that
 * counts before the first. There is no sort: the threshold is found bit by bit. `marks` (u8) is left with 1 where
 * selected.
 */
export function selectRow(job: usize, row: i32, columns: i32, keys: usize, weights: usize, base: f32, marks: usize): void {
  const n = int(job, L.VISUAL_BLOCKS);
  memory.fill(marks, 0, n + 1);
  if (columns > 0) rank(job, columns, keys, weights, base, marks);
  const forced = at(job, L.FORCED);
  const stride = int(job, L.STRIDE);
  const begin = at(job, L.INDICES) + (<usize>(row * stride) << 2);
  let slot = begin;
  for (let j = 0; j < n; j++) {
    const mark = marks + <usize>j;
    if (forced != 0) store<u8>(mark, load<u8>(mark) | load<u8>(forced + <usize>(row * n + j)));
    if (!load<u8>(mark)) continue;
    store<i32>(slot, j);
    slot += 4;
  }
  const text = int(job, L.TEXT_BLOCKS);
  for (let j = 0; j < text; j++, slot += 4) store<i32>(slot, n + j);
  store<i32>(at(job, L.COUNTS) + (<usize>row << 2), <i32>((slot - begin) >> 2));
}

function rank(job: usize, columns: i32, keys: usize, weights: usize, base: f32, marks: usize): void {
  // Slots past the last column must never count.
  for (let j = columns; j < ((columns + 3) & ~3); j++) {
    store<f32>(weights + (<usize>j << 2), 0);
    store<i32>(keys + (<usize>j << 2), i32.MIN_VALUE);
  }
  const cover = float(job, L.COVER_MASS);
  let wanted = max(1, int(job, L.TOP_BLOCKS));
  if (cover > 0) wanted = max(wanted, covering(columns, keys, weights, base, cover));
  wanted = min(wanted, columns);
  // Thresholds are searched as unsigned numbers, of which `keys` are the signed form.
  let threshold: u32 = 0;
  for (let bit: u32 = 1 << 31; bit > 0; bit >>= 1)
    if (countFrom(keys, columns, signed(threshold | bit)) >= wanted) threshold |= bit;
  const cut = signed(threshold);
  let left = wanted - countAbove(keys, columns, cut);
  for (let j = 0; j < columns; j++) {
    const key = load<i32>(keys + (<usize>j << 2));
    if (key < cut) continue;
    if (key == cut && left-- <= 0) continue;
    store<u8>(marks + <usize>j, 1);
  }
}

@inline function signed(bits: u32): i32 {
  return <i32>(bits ^ 0x80000000);
}

/** The fewest leading columns whose mass exceeds `cover`, or all of them. */
function covering(columns: i32, keys: usize, weights: usize, base: f32, cover: f32): i32 {
  // The mass of text alone may exceed `cover`; one column is kept all the same.
  if (base > cover) return 1;
  let threshold: u32 = 0;
  for (let bit: u32 = 1 << 31; bit > 0; bit >>= 1)
    if (base + massFrom(keys, weights, columns, signed(threshold | bit)) > cover) threshold |= bit;
  const cut = signed(threshold);
  let count = countAbove(keys, columns, cut);
  let mass = count == 0 ? base : base + massFrom(keys, weights, columns, cut + 1);
  for (let j = 0; j < columns && !(mass > cover); j++) {
    if (load<i32>(keys + (<usize>j << 2)) != cut) continue;
    count++;
    mass += load<f32>(weights + (<usize>j << 2));
  }
  return mass > cover ? count : columns;
}

function countAbove(keys: usize, columns: i32, cut: i32): i32 {
  return cut == i32.MAX_VALUE ? 0 : countFrom(keys, columns, cut + 1);
}

function countFrom(keys: usize, columns: i32, bits: i32): i32 {
  const limit = i32x4.splat(bits);
  let sum = i32x4.splat(0);
  for (const end = keys + (<usize>columns << 2); keys < end; keys += 16)
    sum = i32x4.sub(sum, i32x4.ge_s(v128.load(keys), limit));
  return i32x4.extract_lane(sum, 0) + i32x4.extract_lane(sum, 1) + i32x4.extract_lane(sum, 2) + i32x4.extract_lane(sum, 3);
}

function massFrom(keys: usize, weights: usize, columns: i32, bits: i32): f32 {
  const limit = i32x4.splat(bits);
  let sum = f32x4.splat(0);
  for (const end = keys + (<usize>columns << 2); keys < end; keys += 16, weights += 16)
    sum = f32x4.add(sum, v128.and(v128.load(weights), i32x4.ge_s(v128.load(keys), limit)));
  return sum4(sum);
}
