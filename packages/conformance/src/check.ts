import type { TypedArray } from "@spaattn/core";

/** The outcome for one tensor of one case. */
export interface Check {
  readonly suite: "synthetic" | "golden" | "curve" | "network";
  readonly case: string;
  readonly tensor: string;
  readonly ok: boolean;
  /** Why nothing was compared; such a check is neither passed nor failed. */
  readonly skipped?: string;
  /** Largest difference over the expected tensor's largest magnitude; for masks the number of wrong entries. */
  readonly maxError?: number;
  readonly tolerance?: number;
  /** The first element out of tolerance. */
  readonly firstIndex?: readonly number[];
  readonly got?: number;
  readonly expected?: number;
  /** Anything a reader should know about a passed or failed check. */
  readonly note?: string;
}

export type Outcome = Omit<Check, "suite" | "case" | "tensor">;

/**
 * Compares numbers; infinities must agree exactly, NaN never passes. `shape` turns the first index into coordinates;
 * elements that `includes` refuses are not compared.
 */
export function compareFloats(
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  shape: readonly number[] = [expected.length],
  includes: (index: number) => boolean = () => true,
): Outcome {
  if (got.length !== expected.length)
    return { ok: false, note: `has ${got.length} elements, expected ${expected.length}` };
  let magnitude = 0;
  for (let i = 0; i < expected.length; i++)
    if (Number.isFinite(expected[i])) magnitude = Math.max(magnitude, Math.abs(expected[i]));
  const unit = magnitude || 1;
  let maxError = 0;
  let first = -1;
  for (let i = 0; i < expected.length; i++) {
    if (got[i] === expected[i] || !includes(i)) continue;
    const error = Math.abs(got[i] - expected[i]) / unit;
    const wrong = !(error <= tolerance);
    maxError = Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(maxError, error);
    if (wrong && first < 0) first = i;
  }
  if (first < 0) return { ok: true, maxError, tolerance };
  return {
    ok: false,
    maxError,
    tolerance,
    firstIndex: unravel(first, shape),
    got: got[first],
    expected: expected[first],
  };
}

/** Compares entries that must be equal, such as masks and tables. */
export function compareExact(
  got: TypedArray | ArrayLike<number>,
  expected: ArrayLike<number>,
  shape: readonly number[] = [expected.length],
): Outcome {
  if (got.length !== expected.length)
    return { ok: false, note: `has ${got.length} elements, expected ${expected.length}` };
  let [wrong, first] = [0, -1];
  for (let i = 0; i < expected.length; i++)
    if (got[i] !== expected[i]) {
      wrong++;
      if (first < 0) first = i;
    }
  if (wrong === 0) return { ok: true, maxError: 0, tolerance: 0 };
  return {
    ok: false,
    maxError: wrong,
    tolerance: 0,
    firstIndex: unravel(first, shape),
    got: got[first],
    expected: expected[first],
  };
}

/** Coordinates of a flat index in a row-major shape. */
export function unravel(index: number, shape: readonly number[]): number[] {
  const at: number[] = [];
  let rest = index;
  for (const size of [...shape].reverse()) {
    at.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return at;
}
