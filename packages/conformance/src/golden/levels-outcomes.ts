import type { HostTensor } from "@spaattn/core";
import { type Outcome, unravel } from "../check.js";

/** Choices with a larger margin than this must agree. */
const CLEAR = 1e-4;
const BIN = 2 ** (1 / 8);

export function compareChoice(got: ArrayLike<number>, expected: HostTensor, margin: ArrayLike<number>): Outcome {
  let close = 0;
  for (let at = 0; at < expected.data.length; at++) {
    if (got[at] === expected.data[at]) continue;
    if (margin[at] > CLEAR) {
      const firstIndex = unravel(at, expected.shape);
      return { ok: false, maxError: 1, tolerance: 0, firstIndex, got: got[at], expected: expected.data[at] };
    }
    close++;
  }
  return { ok: true, maxError: 0, tolerance: 0, ...(close > 0 ? { note: `${close} pairs too close to call` } : {}) };
}

/** Multipliers found by histogram are edges of bins; a sum on the edge of the budget may move them by one. */
export function compareBins(got: ArrayLike<number>, expected: ArrayLike<number>): Outcome {
  let worst = 1;
  for (let at = 0; at < expected.length; at++) {
    if (got[at] === expected[at]) continue;
    const ratio = Math.max(got[at] / expected[at], expected[at] / got[at]);
    worst = Number.isFinite(ratio) ? Math.max(worst, ratio) : Number.POSITIVE_INFINITY;
    if (!(ratio <= BIN * 1.001))
      return {
        ok: false,
        maxError: worst - 1,
        tolerance: BIN - 1,
        firstIndex: [at],
        got: got[at],
        expected: expected[at],
      };
  }
  return { ok: true, maxError: worst - 1, tolerance: BIN - 1 };
}

/** Errors are compared absolutely: with everything exact they are 0. */
export function absolute(got: readonly number[], expected: ArrayLike<number>, tolerance: number): Outcome {
  const worst = Math.max(...got.map((error, at) => Math.abs(error - expected[at])));
  return { ok: worst <= tolerance, maxError: worst, tolerance };
}
