import { blockCount, type HeadShape } from "@spaattn/mask";
import { bisect } from "./bisect.js";

/** A few queries that stand for those of a block. */
export interface Probes {
  /** `[n, R, d]`: the means of the parts; zeros where there are fewer than R */
  readonly mean: Float64Array;
  /** `[n]`: parts that hold tokens, always the first ones */
  readonly count: Int32Array;
  readonly parts: number;
}

/**
 * Means of the `parts` parts that the queries of every block are bisected into (levels.md section 3).
 *
 * @param query `[N, d]`
 * @param parts R, a power of two
 */
export function queryProbes(query: Float64Array, shape: HeadShape, parts: number, steps: number): Probes {
  const { visualTokens, headDim: d, blockSize } = shape;
  const n = blockCount(shape);
  const mean = new Float64Array(n * parts * d);
  const count = new Int32Array(n);
  const source = { rows: query, width: d, valid: visualTokens, steps };
  const size = blockSize / parts;
  for (let i = 0; i < n; i++) {
    const slots = Int32Array.from({ length: blockSize }, (_, slot) => i * blockSize + slot);
    bisect(source, slots, Math.log2(parts));
    for (let part = 0; part < parts; part++) {
      const tokens = slots.subarray(part * size, (part + 1) * size).filter((token) => token < visualTokens);
      if (tokens.length === 0) continue;
      const at = (i * parts + count[i]++) * d;
      for (const token of tokens) for (let ch = 0; ch < d; ch++) mean[at + ch] += query[token * d + ch] / tokens.length;
    }
  }
  return { mean, count, parts };
}
