import { copy, fill } from "../job";
import { principalAxis, split } from "../strata";
import { project } from "../rows";

/** Bytes of work space `bisect` needs behind its rows. */
@inline export function bisectBytes(row: usize): usize {
  return row * 4 + 512 + 512 * 2;
}

/**
 * Sorts the slots of one block so that each of its `2^levels` runs is compact (beyond.md section 3).
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

/** Moves rows about: `to` becomes the rows of `from`, `width` bytes each, in steps of `pitch`. */
export function spreadRows(from: usize, to: usize, count: i32, width: usize, pitch: usize): void {
  for (let r = 0; r < count; r++, from += width, to += pitch) copy(to, from, width);
}
