/** One head of one layer: its error at each number of kept blocks that was measured. */
export interface Curve {
  readonly blocks: readonly number[];
  readonly error: readonly number[];
}

/** A point where spending more pays most: from one hull point of a curve to the next. */
interface Move {
  readonly curve: number;
  readonly blocks: number;
  readonly cost: number;
  readonly gain: number;
  /** Gain per block; never more than that of the move before, whatever rounding says. */
  readonly rate: number;
}

/**
 * Spends a budget of blocks over curves such that the sum of errors is as small as the greedy choice by marginal error
 * per block makes it: exact for the lower convex hulls of the curves, up to the last move that does not fit.
 *
 * @param done called with the blocks spent and the summed error before each move; true ends the spending.
 * @returns kept blocks of each curve.
 */
export function allocate(
  curves: readonly Curve[],
  budget: number,
  done: (spent: number, error: number) => boolean = () => false,
): number[] {
  const kept = curves.map(({ blocks }) => blocks[0]);
  let spent = kept.reduce((sum, blocks) => sum + blocks, 0);
  let error = curves.reduce((sum, curve) => sum + curve.error[0], 0);
  const moves = curves.flatMap(hullMoves).sort((a, b) => b.rate - a.rate);
  for (const { curve, blocks, cost, gain } of moves) {
    if (done(spent, error)) break;
    // Moves of a curve come in order, since a hull is convex and sorting stable; one that does not fit closes its curve.
    if (spent + cost > budget || kept[curve] !== blocks - cost) continue;
    kept[curve] = blocks;
    spent += cost;
    error -= gain;
  }
  return kept;
}

/** The moves along the lower convex hull of a curve; those that gain nothing are left out. */
function hullMoves({ blocks, error }: Curve, curve: number): Move[] {
  const hull: number[] = [];
  const slope = (a: number, b: number) => (error[b] - error[a]) / (blocks[b] - blocks[a]);
  for (let i = 0; i < blocks.length; i++) {
    while (hull.length > 1 && slope(hull[hull.length - 2], hull[hull.length - 1]) >= slope(hull[hull.length - 1], i))
      hull.pop();
    hull.push(i);
  }
  let rate = Number.POSITIVE_INFINITY;
  return hull.slice(1).flatMap((to, i) => {
    const gain = error[hull[i]] - error[to];
    const cost = blocks[to] - blocks[hull[i]];
    rate = Math.min(rate, gain / cost);
    return gain > 0 ? [{ curve, blocks: blocks[to], cost, gain, rate }] : [];
  });
}
