import { type AttentionSpec, lowerPolicy, resolveSpec } from "@spaattn/attention";
import { type Outcome, unravel } from "./check.js";

export interface MaskQuestion {
  readonly spec: AttentionSpec;
  /** `[b, h, n, n]` visual masks. */
  readonly got: Uint8Array;
  readonly expected: Uint8Array;
  /** `[b, h, n, columns]`: what the oracle ranked by. */
  readonly scores: ArrayLike<number>;
  /** `[b, h, n, columns]`: what running sums are made of (the same as `scores` but in tail mode). */
  readonly masses: ArrayLike<number>;
  /** n, or n + 1 with a text column at the end. */
  readonly columns: number;
  /** Relative gap up to which a decision may fall either way; undefined: nothing may differ. */
  readonly margin: number | undefined;
  /** Share of the rows that may really differ; default all that are close enough. */
  readonly most?: number;
  /** Planes `[b, h]` that are not compared. */
  readonly without?: ReadonlySet<number>;
}

/**
 * Compares masks exactly, except in rows where the oracle's own decision is closer than the margin: there the entries
 * may differ, and the outcome says how many such rows there were.
 */
export function checkMask(question: MaskQuestion): Outcome {
  const { got, expected, spec } = question;
  const { geometry } = resolveSpec(spec);
  const n = geometry.visualBlocks;
  const plane = (row: number) => Math.floor(row / n);
  const shape = [geometry.batch, geometry.heads, n, n];
  let close = 0;
  for (let row = 0; row < geometry.batch * geometry.heads * n; row++) {
    const range = [row * n, (row + 1) * n] as const;
    const a = got.subarray(...range);
    const b = expected.subarray(...range);
    const first = a.findIndex((x, i) => x !== b[i]);
    if (first < 0 || question.without?.has(plane(row))) continue;
    const margin = rowMargin(question, row);
    if (question.margin === undefined || margin > question.margin)
      return {
        ok: false,
        maxError: a.filter((x, i) => x !== b[i]).length,
        tolerance: 0,
        firstIndex: unravel(range[0] + first, shape),
        got: a[first],
        expected: b[first],
        note: `decided by a relative margin of ${margin.toExponential(1)}, which is clear enough`,
      };
    close++;
  }
  return closeOutcome(close, geometry.batch * geometry.heads * n, question.most, "rows decided too close to call");
}

/** An outcome where nothing is wrong but what was too close to call, unless that is more than a backend may claim. */
export function closeOutcome(close: number, all: number, most: number | undefined, what: string): Outcome {
  if (close === 0) return { ok: true, maxError: 0, tolerance: 0 };
  const allowed = most === undefined ? all : 1 + Math.floor(most * all);
  if (close <= allowed) return { ok: true, maxError: 0, tolerance: 0, note: `${close} ${what}` };
  return { ok: false, maxError: close, tolerance: allowed, note: `${close} of ${all} ${what}; ${allowed} are allowed` };
}

/**
 * Scores below this count as equal. Squared weights of this size underflow on the way in float32, and the blocks then go
 * by index (beyond.md section 8, item 10); no output can show which of them is computed.
 */
const UNDERFLOW = 1e-30;

/** How far one row's decision is from flipping: the smaller of the gap at the cut and the distance of a sum from p. */
function rowMargin(question: MaskQuestion, row: number): number {
  const { spec, scores, masses, columns } = question;
  const { geometry, policy, behaviour, rectify, layout } = resolveSpec(spec);
  const n = geometry.visualBlocks;
  const head = Math.floor(row / n) % geometry.heads;
  const own = row % n;
  const lowered = lowerPolicy(policy, { geometry, behaviour, rectify, ...(layout ? { layout } : {}) });
  const tail = rectify === "tail";
  const competing = lowered.textCompetes && columns > n ? columns : n;
  const raw = (j: number) => scores[row * columns + j];
  const score = (j: number) => (raw(j) < UNDERFLOW ? 0 : raw(j));
  const ranked = Array.from({ length: competing }, (_, j) => j)
    .filter((j) => !(tail && j === own))
    .sort((a, b) => raw(b) - raw(a) || a - b);
  if (tail) ranked.unshift(own);
  const p = lowered.coverMass[head];
  const mass = (j: number) => masses[row * columns + j];
  const text = columns > n && !lowered.textCompetes ? mass(n) : tail ? 1 - sumOf(ranked.map(mass)) : 0;
  let covering = text;
  const sums = ranked.map((j) => (covering += mass(j)));
  const covered = sums.filter((sum) => sum <= p).length + 1;
  const need = Math.min(Math.max(covered, lowered.topBlocks[head]), ranked.length);
  const gap = need < ranked.length ? relative(score(ranked[need - 1]), score(ranked[need])) : Number.POSITIVE_INFINITY;
  const sumGap = p > 0 ? Math.min(...sums.map((sum) => Math.abs(sum - p))) : Number.POSITIVE_INFINITY;
  return Math.min(gap, sumGap);
}

const sumOf = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0);
const relative = (a: number, b: number) => (a === b ? 0 : Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b)));

/** An outcome, and the rows `[b, h, n]` whose rectification differs although nothing is wrong. */
export interface GainOutcome {
  readonly outcome: Outcome;
  readonly close: ReadonlySet<number>;
}

/** Compares gain maps `[b, h, n, n]`, forgiving entries whose two sides are closer than the margin. */
export function checkGain(
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  sides: { readonly gain: ArrayLike<number>; readonly error: ArrayLike<number> },
  allowed: { readonly margin: number; readonly close?: number },
  shape: readonly number[],
): GainOutcome {
  const close = new Set<number>();
  for (let i = 0; i < expected.length; i++) {
    if (got[i] === expected[i]) continue;
    if (relative(sides.gain[i], sides.error[i]) > allowed.margin) {
      const firstIndex = unravel(i, shape);
      const outcome = { ok: false, maxError: 1, tolerance: 0, firstIndex, got: got[i], expected: expected[i] };
      return { outcome, close };
    }
    close.add(Math.floor(i / shape[3]));
  }
  const rows = expected.length / shape[3];
  return { outcome: closeOutcome(close.size, rows, allowed.close, "rows with a gain too close to call"), close };
}
