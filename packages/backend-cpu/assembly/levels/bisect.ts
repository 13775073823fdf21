import { fill } from "../job";
import { principalAxis, split } from "../strata";
import { project } from "../rows";
import { bisectFine, FINE_ROWS, fineBytes } from "./fine";

@inline function coarseBytes(row: usize): usize {
  return row * 4 + 2048;
}

/** Bytes of work space `bisect` needs. */
@inline export function bisectBytes(row: usize): usize {
  return coarseBytes(row) + fineBytes(row);
}

/**
 * Sorts the slots of one block so that each of its `2^levels` runs is compact (docs/tail.md#strata).
 *
 * @param order the block's slots: i32 token indices, ascending from `first`
 * @param rows the block's valid rows about their mean
 * @param work `bisectBytes` bytes
 */
export function bisect(
  order: usize,
  first: i32,
  size: i32,
  valid: i32,
  rows: usize,
  levels: i32,
  steps: i32,
  row: usize,
  work: usize,
): void {
  const pointers = work + row * 4;
  const projections = pointers + 512;
  for (let level = 0; level < levels; level++) {
    const length = size >> level;
    // Two levels or more of short lists are worth the products of their rows.
    if (length <= FINE_ROWS && levels - level > 1) {
      for (let start = 0; start < size; start += length) {
        const count = min(length, valid - start);
        if (count > 1) bisectFine(order + (<usize>start << 2), length, count, first, rows, levels - level, steps, row, work + coarseBytes(row));
      }
      return;
    }
    for (let start = 0; start < size; start += length) {
      const count = min(length, valid - start);
      // Half a list or less stays where it is: padding comes last.
      if (count <= length >> 1) continue;
      const list = order + (<usize>start << 2);
      const padded = (count + 7) & ~7;
      fill(work, row, 0);
      for (let r = 0; r < padded; r++) {
        // The row of zeros at `work` completes the last eight.
        const token = r < count ? load<i32>(list + (<usize>r << 2)) - first : 0;
        store<u32>(pointers + (<usize>r << 2), <u32>(r < count ? rows + <usize>token * row : work));
      }
      principalAxis(pointers, count, level > 0, work, row, steps);
      project(pointers, padded, work + row, row, projections);
      split(list, length, count, projections);
    }
  }
}
