import type { Selection } from "@spaattn/attention";
import type { ImplicitAttention } from "./implicit-attention.js";

/** How many blocks the rows of one head keep (docs/method.md#selection). */
export interface SelectionRule {
  /** False: nothing is ranked, only `forced` is selected. */
  readonly ranked: boolean;
  /** k_top: leading blocks to keep at least */
  readonly topBlocks: number;
  /** p: mass the leading blocks must exceed */
  readonly coverMass: number;
  /** The text column is ranked like a block, as in the original (docs/corrections.md#no-3). */
  readonly textCompetes: boolean;
}

/** What a lowered policy asks of one head. */
export const ruleOfHead = (selection: Omit<Selection, "forced" | "host">, head: number): SelectionRule => ({
  ranked: selection.ranked,
  topBlocks: selection.topBlocks[head],
  coverMass: selection.coverMass[head],
  textCompetes: selection.textCompetes,
});

/** Indices by descending value; equal values by lower index (docs/corrections.md#no-21). */
export const rankDescending = (values: ArrayLike<number>): Int32Array =>
  Int32Array.from({ length: values.length }, (_, i) => i).sort((a, b) => values[b] - values[a] || a - b);

/**
 * The fewest leading values whose running sum, begun at `start`, exceeds `mass`:
 *
 *     #{ r : start + c_r ≤ p } + 1
 */
export function leadingToExceed(mass: number, values: ArrayLike<number>, ranking: Int32Array, start = 0): number {
  let sum = start;
  let count = 0;
  while (count < ranking.length && (sum += values[ranking[count]]) <= mass) count++;
  return count + 1;
}

/**
 * Selected visual blocks `[n, n]`, 1 where a block is critical (docs/method.md#selection, steps 1 to 3):
 *
 *     need_i = max( #{ r : P_i,txt + c_r ≤ p } + 1, k_top )
 *
 * `textCompetes`: the text column is a candidate, and the sum starts at 0.
 */
export function selectCritical(attention: ImplicitAttention, rule: SelectionRule): Uint8Array {
  const n = attention.text.length;
  const mask = new Uint8Array(n * n);
  if (!rule.ranked) return mask;
  for (let i = 0; i < n; i++) {
    const visual = attention.visual.subarray(i * n, (i + 1) * n);
    const row = rule.textCompetes ? Float64Array.of(...visual, attention.text[i]) : visual;
    const ranking = rankDescending(row);
    const start = rule.textCompetes ? 0 : attention.text[i];
    const need = Math.max(leadingToExceed(rule.coverMass, row, ranking, start), rule.topBlocks);
    for (const column of ranking.subarray(0, need)) if (column < n) mask[i * n + column] = 1;
  }
  return mask;
}

/**
 * Adds blocks that are selected whatever their rank: neighbours, first frame, always (docs/method.md#selection, steps 4
 * and 6). Changes `mask` and returns it.
 */
export function uniteForced(mask: Uint8Array, forced: Uint8Array | undefined): Uint8Array {
  if (forced) for (let i = 0; i < mask.length; i++) mask[i] |= forced[i];
  return mask;
}
