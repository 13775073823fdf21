import { blockRow, EXACT } from "@spaattn/attention";

/** What one query block attends besides text. */
export interface ChoiceRow {
  /** Blocks to attend exactly, ascending. */
  readonly exact: readonly number[];
  /** Rows of the summaries, level by level from the finest, ascending within a level; empty nodes left out. */
  readonly rows: readonly number[];
}

/**
 * The lists of one query block (levels.md section 5).
 *
 * @param choice `[n]` a level or `EXACT` per key block
 * @param bias `[rows]` bias of every node for this query block; −∞ marks empty ones
 * @param depth L
 */
export function choiceRow(choice: Uint8Array, bias: ArrayLike<number>, depth: number): ChoiceRow {
  const n = choice.length;
  const exact: number[] = [];
  const rows: number[] = [];
  choice.forEach((level, j) => {
    if (level === EXACT) exact.push(j);
  });
  for (let level = depth; level >= 0; level--)
    choice.forEach((chosen, j) => {
      if (chosen !== level) return;
      const first = blockRow(n, level, j);
      for (let row = first; row < first + 2 ** level; row++) if (bias[row] > Number.NEGATIVE_INFINITY) rows.push(row);
    });
  return { exact, rows };
}
