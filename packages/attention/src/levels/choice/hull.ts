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
 * option with the largest slope among the costlier ones (levels.md section 4).
 */
export function walkHulls(
  { head, first, end }: RowSpan,
  options: readonly Option[],
  blocks: number,
  onStep: OnStep,
): void {
  const exactCost = options[options.length - 1].cost;
  for (let i = first; i < end; i++)
    for (let j = 0; j < blocks; j++) {
      if (isForced(head, i, j, blocks)) continue;
      let at = 0;
      let error = errorOf(head, options[0], i, j, blocks);
      for (;;) {
        let [next, steepest, left] = [-1, 0, 0];
        for (let o = at + 1; o < options.length; o++) {
          const cost = options[o].cost - options[at].cost;
          // Leaves of one token cost as much as the exact block, and are it.
          if (cost === 0) continue;
          const to = errorOf(head, options[o], i, j, blocks);
          const slope = ((error - to) * exactCost) / cost;
          if (slope > steepest) [next, steepest, left] = [o, slope, to];
        }
        if (next < 0) break;
        onStep(steepest, options[next].cost - options[at].cost);
        [at, error] = [next, left];
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
