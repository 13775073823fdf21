import { blockCount, type HeadShape } from "./head.js";

/**
 * What fills up the last block (docs/corrections.md#no-2): nothing (`valid`: statistics over the valid tokens), or
 * zero rows that count like tokens, as in the original.
 */
export type Padding = "valid" | "zero";

/** Rows that a block's statistics are divided by. */
const divisor = (valid: number, blockSize: number, padding: Padding): number =>
  padding === "zero" ? blockSize : valid;

/**
 * Block means, `[N, d]` to `[n, d]` (docs/method.md#pooling):
 *
 *     x̄_i = (1/|V_i|) Σ_{a ∈ V_i} x_a
 */
export function blockMeans(x: Float64Array, shape: HeadShape, padding: Padding = "valid"): Float64Array {
  const { visualTokens, headDim: d, blockSize } = shape;
  const n = blockCount(shape);
  const means = new Float64Array(n * d);
  for (let a = 0; a < visualTokens; a++) {
    const i = Math.floor(a / blockSize);
    for (let ch = 0; ch < d; ch++) means[i * d + ch] += x[a * d + ch];
  }
  for (let i = 0; i < n; i++) {
    const rows = divisor(Math.min(blockSize, visualTokens - i * blockSize), blockSize, padding);
    for (let ch = 0; ch < d; ch++) means[i * d + ch] /= rows;
  }
  return means;
}

/**
 * Mean absolute deviations from the block means, `[N, d]` to `[n, d]` (docs/method.md#pooling):
 *
 *     Δx_i = (1/|V_i|) Σ_{a ∈ V_i} |x_a − x̄_i|
 */
export function blockDeviations(
  x: Float64Array,
  means: Float64Array,
  shape: HeadShape,
  padding: Padding = "valid",
): Float64Array {
  const { visualTokens, headDim: d, blockSize } = shape;
  const n = blockCount(shape);
  const deviations = new Float64Array(n * d);
  for (let a = 0; a < visualTokens; a++) {
    const i = Math.floor(a / blockSize);
    for (let ch = 0; ch < d; ch++) deviations[i * d + ch] += Math.abs(x[a * d + ch] - means[i * d + ch]);
  }
  for (let i = 0; i < n; i++) {
    const valid = Math.min(blockSize, visualTokens - i * blockSize);
    const zeroRows = padding === "zero" ? blockSize - valid : 0;
    const rows = divisor(valid, blockSize, padding);
    for (let at = i * d; at < (i + 1) * d; at++)
      deviations[at] = (deviations[at] + zeroRows * Math.abs(means[at])) / rows;
  }
  return deviations;
}
