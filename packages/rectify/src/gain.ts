import { dot } from "@spaattn/mask";

/** Pooled blocks of one head, each `[n, d]` (docs/method.md#pooling). */
export interface PooledBlocks {
  readonly queryMean: Float64Array;
  readonly keyMean: Float64Array;
  readonly queryDeviation: Float64Array;
  readonly keyDeviation: Float64Array;
}

/**
 * The gain test `[n, n]`: 1 where compensating a block pays (docs/method.md#gain):
 *
 *     G_ij = 1  iff  |q̄_i·k̄_j| > |Δq_i·k̄_j| + |q̄_i·Δk_j|
 */
export function gainTest(pooled: PooledBlocks, headDim: number): Uint8Array {
  const { queryMean, keyMean, queryDeviation, keyDeviation } = pooled;
  const n = queryMean.length / headDim;
  const gain = new Uint8Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      const benefit = Math.abs(dot(queryMean, i, keyMean, j, headDim));
      const error =
        Math.abs(dot(queryDeviation, i, keyMean, j, headDim)) + Math.abs(dot(queryMean, i, keyDeviation, j, headDim));
      if (benefit > error) gain[i * n + j] = 1;
    }
  return gain;
}
