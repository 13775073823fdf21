import { errorOf, type HeadErrors, isForced, type Option } from "./options.js";

/** A step to a costlier option: the error it saves per cost of an exact block, and its cost in 1/B. */
export type OnStep = (slope: number, cost: number) => void;

/** Rows `[first, end)` of query blocks of one head. */
export interface RowSpan {
  readonly head: HeadErrors;
  readonly first: number;
  readonly end: number;
}

/**
 * Walks the lower convex hull of `(cost, Ê)` of every pair that is not forced, from the cheapest option on: always to the
 * option with the largest slope among the costlier ones (docs/levels.md#choice).
 */
export function walkHulls(
  { head, first, end }: RowSpan,
  options: readonly Option[],
  blocks: number,
  onStep: OnStep,
): void {
  const last = options.length - 1;
  const costs = Float64Array.from(options, ({ cost }) => cost);
  const errors = new Float64Array(options.length);
  for (let i = first; i < end; i++)
    for (let j = 0; j < blocks; j++) {
      if (isForced(head, i, j, blocks)) continue;
      for (let o = 0; o <= last; o++) errors[o] = errorOf(head, options[o], i, j, blocks);
      for (let at = 0; at < last; ) {
        let next = -1;
        let steepest = 0;
        for (let o = at + 1; o <= last; o++) {
          const cost = costs[o] - costs[at];
          // Leaves of one token cost as much as the exact block, and are it.
          const slope = cost > 0 ? ((errors[at] - errors[o]) * costs[last]) / cost : 0;
          if (slope > steepest) {
            steepest = slope;
            next = o;
          }
        }
        if (next < 0) break;
        onStep(steepest, costs[next] - costs[at]);
        at = next;
      }
    }
}

/** Cost of the forced pairs and the cheapest option for all others, in 1/B. */
export function leastCost({ head, first, end }: RowSpan, options: readonly Option[], blocks: number): number {
  let sum = 0;
  for (let i = first; i < end; i++)
    for (let j = 0; j < blocks; j++)
      sum += isForced(head, i, j, blocks) ? options[options.length - 1].cost : options[0].cost;
  return sum;
}
