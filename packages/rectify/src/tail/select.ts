import { leadingToExceed, rankDescending } from "@spaattn/mask";
import type { BlockError } from "./block-error.js";

export interface TailSelectionRule {
  /** False: only the own block is selected (and what is forced later). */
  readonly ranked: boolean;
  /** k_top, at least 1: the own block counts. */
  readonly topBlocks: number;
  /** p: smallest covered mass; 0 keeps a fixed count. */
  readonly coverMass: number;
}

/** Block indices of row `i`: the own block first, then by descending error, equal errors by lower index. */
export function rankByError(error: Float64Array, i: number, n: number): Int32Array {
  const row = error.slice(i * n, (i + 1) * n);
  row[i] = Number.POSITIVE_INFINITY;
  return rankDescending(row);
}

/**
 * Selected visual blocks `[n, n]` (docs/tail.md#selection):
 *
 *     max( k_top, #{ r : W_text + W_rank(1) + … + W_rank(r) ≤ p } + 1 ) blocks of the ranking by error
 */
export function selectByError(blocks: BlockError, rule: TailSelectionRule): Uint8Array {
  const n = blocks.text.length;
  const mask = new Uint8Array(n * n);
  for (let i = 0; i < n; i++) {
    const ranking = rankByError(blocks.error, i, n);
    const mass = blocks.mass.subarray(i * n, (i + 1) * n);
    // Masses may underflow to 0, which is "≤ p" even for p = 0.
    const need = rule.coverMass === 0 ? 1 : leadingToExceed(rule.coverMass, mass, ranking, blocks.text[i]);
    const count = rule.ranked ? Math.max(rule.topBlocks, need) : 1;
    for (const block of ranking.subarray(0, count)) mask[i * n + block] = 1;
  }
  return mask;
}

/** Bias with the strata of selected blocks taken out (−∞): those are attended exactly (docs/tail.md#output). */
export function maskBias(bias: Float64Array, mask: Uint8Array, strataPerBlock: number): Float64Array {
  const masked = bias.slice();
  for (let at = 0; at < mask.length; at++)
    if (mask[at]) masked.fill(Number.NEGATIVE_INFINITY, at * strataPerBlock, (at + 1) * strataPerBlock);
  return masked;
}
