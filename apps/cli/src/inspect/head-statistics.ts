import type { LabInputs } from "@spaattn/lab";
import type { Selection } from "./estimate-mask.js";

export interface HeadStatistics {
  /** Batch item times heads, plus head. */
  readonly head: number;
  readonly label: string;
  /** Share of visual-by-visual blocks selected. */
  readonly density: number;
  /** Visual blocks per row of blocks. */
  readonly fewest: number;
  readonly mean: number;
  readonly most: number;
  /** Estimated share of attention (text included) that the selected blocks hold, mean over rows. */
  readonly massCovered: number;
  /** The visual key block that most rows select. */
  readonly busiest: { readonly block: number; readonly share: number };
  /** Tail: root of the estimated squared error of all skipped blocks, mean over rows. */
  readonly estimatedError?: number;
  /** None and paper: share of block pairs that pass the gain test. */
  readonly gainShare?: number;
}

/** Statistics of one head's mask. */
export function headStatistics(selection: Selection, head: number, inputs: LabInputs): HeadStatistics {
  const { geometry, tensors } = selection;
  const n = geometry.visualBlocks;
  const rows = selectedBlocks(selection, head);
  const counts = rows.map((row) => row.length);
  const popularity = new Uint32Array(n);
  for (const row of rows) for (const block of row) popularity[block]++;
  const busiest = popularity.reduce((best, uses, block) => (uses > popularity[best] ? block : best), 0);
  const total = counts.reduce((sum, count) => sum + count, 0);
  return {
    head,
    label:
      (geometry.batch > 1 ? `item ${Math.floor(head / geometry.heads)}, ` : "") + inputs.heads[head % geometry.heads],
    density: total / (n * n),
    fewest: Math.min(...counts),
    mean: total / n,
    most: Math.max(...counts),
    massCovered: meanOver(rows, (row, i) => massOf(selection, head, i, row)),
    busiest: { block: busiest, share: popularity[busiest] / n },
    ...(tensors.blockError
      ? { estimatedError: meanOver(rows, (row, i) => skippedError(selection, head, i, row)) }
      : {}),
    ...(tensors.gain ? { gainShare: shareOf(tensors.gain.data.subarray(head * n * n, (head + 1) * n * n)) } : {}),
  };
}

/** The mask of a head as one text per row, such as `"0-3,7"`. */
export const maskRows = (selection: Selection, head: number): string[] => selectedBlocks(selection, head).map(toRanges);

function selectedBlocks({ geometry, mask }: Selection, head: number): number[][] {
  const n = geometry.visualBlocks;
  return Array.from({ length: n }, (_, i) => {
    const row = head * n + i;
    return Array.from({ length: mask.counts[row] }, (_, slot) => mask.indices[row * mask.stride + slot]).filter(
      (block) => block < n,
    );
  });
}

/** Mass of the selected blocks and of text, which is always selected. */
function massOf({ geometry, tensors }: Selection, head: number, i: number, row: readonly number[]): number {
  const n = geometry.visualBlocks;
  const source = tensors.blockMass ?? tensors.probabilities;
  const columns = source.shape[3];
  const masses = source.data.subarray((head * n + i) * columns, (head * n + i) * columns + n);
  let [visual, selected] = [0, 0];
  for (let block = 0; block < n; block++) visual += masses[block];
  for (const block of row) selected += masses[block];
  // Rows sum to one; what the visual blocks leave over is text.
  return Math.min(1, selected + Math.max(0, 1 - visual));
}

function skippedError({ geometry, tensors }: Selection, head: number, i: number, row: readonly number[]): number {
  const n = geometry.visualBlocks;
  const errors = tensors.blockError.data.subarray((head * n + i) * n, (head * n + i + 1) * n);
  let sum = 0;
  for (const error of errors) sum += error;
  for (const block of row) sum -= errors[block];
  return Math.sqrt(Math.max(0, sum));
}

const meanOver = <T>(items: readonly T[], value: (item: T, index: number) => number): number =>
  items.reduce((sum, item, i) => sum + value(item, i), 0) / items.length;

const shareOf = (flags: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < flags.length; i++) sum += flags[i] ? 1 : 0;
  return sum / flags.length;
};

function toRanges(blocks: readonly number[]): string {
  const ranges: string[] = [];
  for (let i = 0; i < blocks.length; i++) {
    const start = i;
    while (blocks[i + 1] === blocks[i] + 1) i++;
    ranges.push(i === start ? `${blocks[i]}` : `${blocks[start]}-${blocks[i]}`);
  }
  return ranges.join(",");
}
