import type { LevelsSearch } from "../options.js";
import { leastCost, type OnStep, type RowSpan, walkHulls } from "./hull.js";
import type { Option } from "./options.js";

/** Bins per factor of two, and the range they cover: `2^-80 … 2^40`. */
const PER_OCTAVE = 8;
const LOWEST = -80 * PER_OCTAVE;
const HIGHEST = 40 * PER_OCTAVE - 1;

/** The smallest multiplier that is looked for exactly. */
const SMALLEST = Math.exp(-80);

const binOf = (slope: number): number => Math.min(HIGHEST, Math.floor(PER_OCTAVE * Math.log2(slope)));
const edgeOf = (bin: number): number => 2 ** (bin / PER_OCTAVE);

/** Whole units of 1/B that a budget is worth (levels.md section 4). */
export const budgetUnits = (budget: number, blockSize: number, pairs: number): number =>
  Math.floor(budget * blockSize * pairs + 1e-6);

/**
 * The multiplier λ of one scope: the smallest whose choice costs at most `units`; ∞ when even the least cost exceeds it
 * (levels.md section 4).
 *
 * @param spans the rows of the scope
 * @param units budget in 1/B
 */
export function findMultiplier(
  spans: readonly RowSpan[],
  options: readonly Option[],
  blocks: number,
  units: number,
  search: LevelsSearch,
): number {
  let left = units - spans.reduce((sum, span) => sum + leastCost(span, options, blocks), 0);
  if (left < 0) return Number.POSITIVE_INFINITY;
  const walk = (onStep: OnStep) => {
    for (const span of spans) walkHulls(span, options, blocks, onStep);
  };
  const bins = new Float64Array(HIGHEST - LOWEST + 1);
  walk((slope, cost) => {
    const bin = binOf(slope) - LOWEST;
    if (bin >= 0) bins[bin] += cost;
  });
  let bin = bins.length - 1;
  for (; bin >= 0 && bins[bin] <= left; bin--) left -= bins[bin];
  if (search === "histogram") return edgeOf(bin + 1 + LOWEST);
  return withinBin(walk, bin + LOWEST, left);
}

/** The steepest slope of a bin that does not fit: at that multiplier every step up to it is taken, and itself not. */
function withinBin(walk: (onStep: OnStep) => void, bin: number, room: number): number {
  const steps: { slope: number; cost: number }[] = [];
  walk((slope, cost) => {
    // Below the lowest bin whatever is left counts as one.
    if (binOf(slope) === bin || (bin < LOWEST && binOf(slope) < LOWEST)) steps.push({ slope, cost });
  });
  steps.sort((a, b) => b.slope - a.slope);
  let left = room;
  for (let at = 0; at < steps.length; ) {
    let end = at;
    let cost = 0;
    for (; end < steps.length && steps[end].slope === steps[at].slope; end++) cost += steps[end].cost;
    // A hair above, so that rounding in the comparison of options does not take the step all the same.
    if (cost > left) return Math.max(SMALLEST, steps[at].slope * (1 + 1e-12));
    left -= cost;
    at = end;
  }
  return SMALLEST;
}
