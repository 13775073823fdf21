/** Where one head's block lists are written. */
export interface BlockLists {
  /** `[n]` selected key blocks per row */
  readonly counts: Int32Array | Uint16Array;
  /** `[n, stride]` ascending key block indices */
  readonly indices: Int32Array | Uint16Array;
  readonly stride: number;
}

/**
 * Writes a mask `[n, n]` of visual blocks as lists, the `textBlocks` text blocks with a valid key behind them
 * (docs/method.md#selection, step 5).
 *
 * @throws RangeError when a row needs more than `stride` slots.
 */
export function writeBlockLists(mask: Uint8Array, textBlocks: number, lists: BlockLists): void {
  const n = lists.counts.length;
  for (let i = 0; i < n; i++) {
    const selected: number[] = [];
    for (let j = 0; j < n; j++) if (mask[i * n + j]) selected.push(j);
    for (let t = 0; t < textBlocks; t++) selected.push(n + t);
    if (selected.length > lists.stride)
      throw new RangeError(`row ${i} selects ${selected.length} blocks, but its list has ${lists.stride} slots`);
    lists.counts[i] = selected.length;
    lists.indices.set(selected, i * lists.stride);
  }
}

/** The key blocks of row `i`, ascending. */
export const blockListRow = (lists: BlockLists, i: number): Int32Array | Uint16Array =>
  lists.indices.subarray(i * lists.stride, i * lists.stride + lists.counts[i]);
