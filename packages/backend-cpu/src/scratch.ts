import * as L from "./job-layout.js";
import type { Parameters } from "./parameters.js";

const align = (bytes: number) => Math.ceil(bytes / 256) * 256;

/** Bytes of private scratch one thread needs: the largest of what the kernels keep at a time. */
export function scratchBytes({ geometry: g, n, strata }: Parameters): number {
  const { headDim: d, blockSize } = g;
  const attend = 4 * (2 * L.TILE_ROWS * d + L.TILE_ROWS * L.TILE_COLUMNS + 40 * L.TILE_ROWS + 2 * L.TILE_COLUMNS);
  // Rows of one block as f32: keys, values, centred keys; and a few vectors.
  const block = 4 * (3 * blockSize * d + 16 * d + 8 * blockSize);
  // Rows of one estimate: logits, variances, text, block sums, and marks.
  const row = 4 * (3 * strata + 7 * n + g.textTokens + 4 * d + 256) + n;
  return align(Math.max(attend, block, row) + 1024);
}
