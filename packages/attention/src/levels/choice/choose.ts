import type { LevelsScope, LevelsSearch } from "../options.js";
import type { RowSpan } from "./hull.js";
import { budgetUnits, findMultiplier } from "./multiplier.js";
import { type ChoiceShape, errorOf, type HeadErrors, isForced, type Option, optionsOf } from "./options.js";
import { EXACT } from "./tree.js";

/** How levels are chosen for the heads of one batch item. */
export interface ChoiceRule extends ChoiceShape {
  /** `[heads]`: share of dense cost. */
  readonly budgets: readonly number[];
  readonly scope: LevelsScope;
  readonly search: LevelsSearch;
  /** λ itself, instead of a budget. */
  readonly multiplier?: number | undefined;
}

/** What was chosen for the heads of one batch item. */
export interface Choice {
  /** `[heads, n, n]`: a level, or `EXACT` */
  readonly choice: Uint8Array;
  /** `[heads, n]`: the multiplier of every query block; ∞ where the budget is below the least cost, 0 where it is 1 */
  readonly multiplier: Float64Array;
}

/**
 * One option for every pair of blocks (levels.md section 4):
 *
 *     o(i, j) = argmin_o  Ê_o(i, j) + λ w_o        ties: the cheaper option
 */
export function chooseLevels(heads: readonly HeadErrors[], rule: ChoiceRule): Choice {
  const { blocks: n, blockSize, levels } = rule;
  const options = optionsOf(levels, blockSize);
  const out = { choice: new Uint8Array(heads.length * n * n), multiplier: new Float64Array(heads.length * n) };
  for (const scope of scopesOf(heads.length, n, rule.scope)) {
    const spans = scope.map(({ head, first, end }) => ({ head: heads[head], first, end }));
    const multiplier = rule.multiplier ?? multiplierOf(scope, spans, options, rule);
    for (const { head, first, end } of scope) {
      const choice = out.choice.subarray(head * n * n, (head + 1) * n * n);
      for (let i = first; i < end; i++) chooseRow(heads[head], i, multiplier, options, n, choice);
      out.multiplier.fill(multiplier, head * n + first, head * n + end);
    }
  }
  return out;
}

interface ScopeRows {
  readonly head: number;
  readonly first: number;
  readonly end: number;
}

/** The row ranges that share a budget. */
function scopesOf(heads: number, n: number, scope: LevelsScope): ScopeRows[][] {
  const whole = Array.from({ length: heads }, (_, head) => ({ head, first: 0, end: n }));
  if (scope === "call") return [whole];
  if (scope === "head") return whole.map((head) => [head]);
  return whole.flatMap(({ head }) => Array.from({ length: n }, (_, i) => [{ head, first: i, end: i + 1 }]));
}

function multiplierOf(
  scope: readonly ScopeRows[],
  spans: readonly RowSpan[],
  options: readonly Option[],
  { budgets, blocks: n, blockSize, search }: ChoiceRule,
): number {
  const pairs = scope.reduce((sum, { first, end }) => sum + (end - first) * n, 0);
  const wanted = scope.reduce((sum, { head, first, end }) => sum + budgets[head] * (end - first) * n, 0);
  if (wanted >= pairs) return 0;
  return findMultiplier(spans, options, n, budgetUnits(wanted / pairs, blockSize, pairs), search);
}

/** Writes row `i` of a head's choice. A multiplier of 0 is dense, ∞ the cheapest option. */
export function chooseRow(
  head: HeadErrors,
  i: number,
  multiplier: number,
  options: readonly Option[],
  n: number,
  choice: Uint8Array,
): void {
  const exactCost = options[options.length - 1].cost;
  for (let j = 0; j < n; j++) {
    let best = options[0].choice;
    if (multiplier === 0 || isForced(head, i, j, n)) best = EXACT;
    else if (multiplier < Number.POSITIVE_INFINITY) {
      let least = Number.POSITIVE_INFINITY;
      for (const option of options) {
        const total = errorOf(head, option, i, j, n) + (multiplier * option.cost) / exactCost;
        if (total < least) [best, least] = [option.choice, total];
      }
    }
    choice[i * n + j] = best;
  }
}

/** What a choice costs, as a share of dense: `2^l / B` for a block at level l, 1 for an exact one. */
export function choiceCost(choice: Uint8Array, blockSize: number): number {
  let sum = 0;
  for (const chosen of choice) sum += chosen === EXACT ? blockSize : 2 ** chosen;
  return choice.length === 0 ? 0 : sum / (choice.length * blockSize);
}
