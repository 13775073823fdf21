import { type AttentionSpec, choiceCost, EXACT, lowerPolicy, resolveSpec } from "@spaattn/attention";
import { type Outcome, unravel } from "../check.js";
import type { HostResults } from "../evaluate.js";

/** Multipliers of float32 are rounded; budgets are met in whole units, so this is far less than one. */
const ROUNDING = 1e-9;

/**
 * Judges a choice by the oracle's estimates: at the oracle's multiplier every pair must have an option whose total
 * `Ê + λ w` is the least, but for `margin` of it (or the rounding of the estimates); and the budget must be kept.
 */
export function checkChoice(
  spec: AttentionSpec,
  got: HostResults,
  expected: HostResults,
  { margin, tolerance, absolute }: { readonly margin: number; readonly tolerance: number; readonly absolute: number },
  without: ReadonlySet<number>,
): Outcome {
  const { geometry, levels } = resolveSpec(spec);
  const { visualBlocks: n, blockSize, batch, heads } = geometry;
  const shape = [batch, heads, n, n];
  const [ours, theirs] = [got.choice.data, expected.choice.data];
  const error = Float64Array.from(expected.levelError.data);
  const plane = (levels.depth + 1) * n * n;
  let close = 0;
  for (let at = 0; at < theirs.length; at++) {
    if (ours[at] === theirs[at]) continue;
    const head = Math.floor(at / (n * n));
    if (without.has(head)) continue;
    const errors = error.subarray(head * plane, (head + 1) * plane);
    const multiplier = expected.multiplier.data[Math.floor(at / n)];
    const power = levels.weight === "relative" ? headPower(expected, head, n) : 1;
    const total = (option: number) =>
      option === EXACT
        ? multiplier
        : errors[option * n * n + (at % (n * n))] / power + (multiplier * 2 ** option) / blockSize;
    const largest = errors.reduce((a, b) => Math.max(a, b), 0) / power;
    const excess = total(ours[at]) - total(theirs[at]);
    const offered = ours[at] === EXACT || levels.levels.includes(ours[at]);
    if (
      !offered ||
      isForced(spec, at, n) ||
      !(excess <= margin * total(theirs[at]) + tolerance * largest + absolute / power)
    )
      return {
        ok: false,
        maxError: 1,
        tolerance: 0,
        firstIndex: unravel(at, shape),
        got: ours[at],
        expected: theirs[at],
        note: `its total is ${(excess / total(theirs[at])).toExponential(1)} above the least`,
      };
    close++;
  }
  return { ok: true, maxError: 0, tolerance: 0, ...(close > 0 ? { note: `${close} pairs too close to call` } : {}) };
}

function isForced(spec: AttentionSpec, at: number, n: number): boolean {
  const { geometry, policy, behaviour, rectify, layout } = resolveSpec(spec);
  const pair = at % (n * n);
  if (pair % (n + 1) === 0) return true;
  const { forced } = lowerPolicy(policy, { geometry, behaviour, rectify, ...(layout ? { layout } : {}) });
  return forced?.[pair] === 1;
}

function headPower(expected: HostResults, head: number, n: number): number {
  const own = Float64Array.from(expected.outputPower.data).subarray(head * n, (head + 1) * n);
  return own.reduce((sum, x) => sum + x, 0) / n || 1;
}

/** The cost of a choice must not exceed its budget, unless nothing cheaper exists. */
export function checkCost(spec: AttentionSpec, got: HostResults): Outcome {
  const { geometry, levels } = resolveSpec(spec);
  const { visualBlocks: n, blockSize, heads, batch } = geometry;
  const least = Math.min(...levels.levels);
  let worst = 0;
  for (let item = 0; item < batch; item++) {
    const rows = levels.scope === "call" ? heads * n : levels.scope === "head" ? n : 1;
    for (let row = 0; row < heads * n; row += rows) {
      const from = (item * heads * n + row) * n;
      const choice = (got.choice.data as Uint8Array).subarray(from, from + rows * n);
      const cheapest = choice.every((x, at) => x === least || (x === EXACT && isForced(spec, from + at, n)));
      const first = Math.floor(row / n);
      const perScope = Math.max(1, rows / n);
      const budget = levels.budgets.slice(first, first + perScope).reduce((sum, x) => sum + x, 0) / perScope;
      if (!cheapest) worst = Math.max(worst, choiceCost(choice, blockSize) - budget);
    }
  }
  return { ok: worst <= ROUNDING, maxError: worst, tolerance: ROUNDING };
}
