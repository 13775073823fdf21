import { blockCount, type HeadShape } from "@spaattn/mask";

/**
 * Anchors `[g, d]`: the mean of all valid visual queries of each group of `group` blocks (docs/tail.md#statistics).
 *
 * @param query `[N, d]`
 */
export function anchors(query: Float64Array, shape: HeadShape, group: number): Float64Array {
  const { visualTokens, headDim: d, blockSize } = shape;
  const means = new Float64Array(Math.ceil(blockCount(shape) / group) * d);
  const groupTokens = group * blockSize;
  for (let a = 0; a < visualTokens; a++) {
    const g = Math.floor(a / groupTokens);
    const tokens = Math.min(groupTokens, visualTokens - g * groupTokens);
    for (let ch = 0; ch < d; ch++) means[g * d + ch] += query[a * d + ch] / tokens;
  }
  return means;
}

/**
 * Element-wise second moment of each block's queries about the anchor of its group, `[n, d]` (docs/tail.md#statistics):
 *
 *     ρ_i = (1/|V_i|) Σ_{a ∈ V_i} (q_a − a_{g(i)})²
 */
export function querySpread(query: Float64Array, anchor: Float64Array, shape: HeadShape, group: number): Float64Array {
  const { visualTokens, headDim: d, blockSize } = shape;
  const spread = new Float64Array(blockCount(shape) * d);
  for (let a = 0; a < visualTokens; a++) {
    const i = Math.floor(a / blockSize);
    const at = Math.floor(i / group) * d;
    const tokens = Math.min(blockSize, visualTokens - i * blockSize);
    for (let ch = 0; ch < d; ch++) spread[i * d + ch] += (query[a * d + ch] - anchor[at + ch]) ** 2 / tokens;
  }
  return spread;
}
