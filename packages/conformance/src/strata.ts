import type { Outcome } from "./check.js";

export interface StrataOrders {
  /** `[b, h, n * blockSize]` slot to token tables. */
  readonly got: ArrayLike<number>;
  readonly expected: ArrayLike<number>;
  /** Slots per stratum. */
  readonly slots: number;
  readonly visualTokens: number;
}

/**
 * Compares stratum orders as sets of valid tokens per stratum (beyond.md section 13).
 *
 * `allowed` is the share of tokens that may sit elsewhere because two projections were too close to call.
 */
export function checkStrata({ got, expected, slots, visualTokens }: StrataOrders, allowed: number): Outcome {
  if (got.length !== expected.length)
    return { ok: false, note: `has ${got.length} entries, expected ${expected.length}` };
  let [moved, first] = [0, -1];
  for (let start = 0; start < expected.length; start += slots) {
    const members = new Set<number>();
    for (let i = start; i < start + slots; i++) if (expected[i] < visualTokens) members.add(expected[i]);
    let found = 0;
    for (let i = start; i < start + slots; i++) if (got[i] < visualTokens && members.has(got[i])) found++;
    if (found < members.size) {
      moved += members.size - found;
      if (first < 0) first = start;
    }
  }
  const share = moved / expected.length;
  const note = moved > 0 ? `${moved} tokens in another stratum` : undefined;
  if (share <= allowed) return { ok: true, maxError: share, tolerance: allowed, ...(note ? { note } : {}) };
  return { ok: false, maxError: share, tolerance: allowed, firstIndex: [first], ...(note ? { note } : {}) };
}
