import { describeValue } from "@spaattn/core";

/** Token grid `[t, h, w]`: latent frames, rows and columns of tokens. */
export type Grid = readonly [t: number, h: number, w: number];

/** Indices of tokens are 32-bit. */
const MOST_TOKENS = 2 ** 31 - 1;

/**
 * Number of tokens of a grid.
 *
 * @throws RangeError when an axis is not a positive integer, or the grid has more tokens than an `i32` can number.
 */
export function tokenCount(grid: Grid): number {
  if (!Array.isArray(grid) || grid.length !== 3)
    throw new RangeError(`grid must be [t, h, w], got ${describeValue(grid)}`);
  for (const [i, size] of grid.entries())
    if (!Number.isSafeInteger(size) || size < 1)
      throw new RangeError(`grid[${i}] (${"thw"[i]}) must be a positive integer, got ${describeValue(size)}`);
  const [t, h, w] = grid;
  const tokens = t * h * w;
  if (tokens > MOST_TOKENS) throw new RangeError(`grid ${t}x${h}x${w} has ${tokens} tokens, at most ${MOST_TOKENS}`);
  return tokens;
}

/** @throws RangeError when a block size is not a positive integer. */
export function checkBlockSize(blockSize: number): void {
  if (!Number.isSafeInteger(blockSize) || blockSize < 1)
    throw new RangeError(`blockSize must be a positive integer, got ${describeValue(blockSize)}`);
}
