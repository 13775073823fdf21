import { checkBlockSize, type Grid, tokenCount } from "./grid.js";
import { invertOrder } from "./order.js";

/** Block of every cell, row-major. */
function blockOfCell(curveToLinear: Int32Array, grid: Grid, blockSize: number): Int32Array {
  checkBlockSize(blockSize);
  const tokens = tokenCount(grid);
  if (curveToLinear.length !== tokens)
    throw new RangeError(`curveToLinear has ${curveToLinear.length} entries, but grid ${grid.join("x")} has ${tokens}`);
  return invertOrder(curveToLinear).map((position) => Math.floor(position / blockSize));
}

/** Half of the 26 directions, one of each opposite pair: `[dz, dy, dx]`. */
const DIRECTIONS = [-1, 0, 1]
  .flatMap((dz) => [-1, 0, 1].flatMap((dy) => [-1, 0, 1].map((dx) => [dz, dy, dx])))
  .slice(14);

/**
 * Which blocks touch on the token grid (docs/method.md#neighbours): `[n, n]`, 1 where two blocks hold cells that differ
 * by at most 1 along each axis. Symmetric, diagonal set. Time is linear in tokens.
 *
 * @throws RangeError when the curve is no permutation of the grid's cells.
 */
export function blockNeighbours(curveToLinear: Int32Array, grid: Grid, blockSize: number): Uint8Array {
  const block = blockOfCell(curveToLinear, grid, blockSize);
  const [t, h, w] = grid;
  const n = Math.ceil(block.length / blockSize);
  const table = new Uint8Array(n * n);
  for (let i = 0; i < n; i++) table[i * n + i] = 1;
  for (const [dz, dy, dx] of DIRECTIONS) {
    const offset = (dz * h + dy) * w + dx;
    const [firstX, lastX] = [Math.max(0, -dx), Math.min(w, w - dx)];
    for (let z = 0; z < t - dz; z++)
      for (let y = Math.max(0, -dy); y < Math.min(h, h - dy); y++) {
        const row = (z * h + y) * w;
        for (let cell = row + firstX; cell < row + lastX; cell++) {
          const [i, j] = [block[cell], block[cell + offset]];
          table[i * n + j] = 1;
          table[j * n + i] = 1;
        }
      }
  }
  return table;
}

/** Ascending indices of the blocks that hold at least one cell of frame 0 (docs/corrections.md#no-1, corrected). */
export function firstFrameBlocks(curveToLinear: Int32Array, grid: Grid, blockSize: number): Int32Array {
  const block = blockOfCell(curveToLinear, grid, blockSize);
  return Int32Array.from(new Set(block.subarray(0, grid[1] * grid[2]))).sort();
}
