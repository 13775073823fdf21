import * as L from "../job-layout.js";
import { ERROR_BLOCKS } from "./job-layout.js";
import type { LevelsParameters } from "./parameters.js";

/** Query blocks estimated together gain nothing once their weights leave the cache. */
const COMFORTABLE_BYTES = 4 * 2 ** 20;
const align = (bytes: number) => Math.ceil(bytes / 256) * 256;

/** Bytes the estimate keeps per query block; the same sums as in assembly/levels/scratch.ts. */
function estimateBytes({ n, columns, probes, depth, geometry: g }: LevelsParameters): number {
  const slots = 2 * Math.ceil(Math.max(1, probes) / 2);
  const paddedColumns = (n * columns + 31) & ~15;
  const paddedText = (g.textTokens + 31) & ~15;
  const rows = (slots + 2 + depth) * g.headDim;
  return 4 * ((slots + 2) * paddedColumns + (slots + 2) * paddedText + rows) + slots * (64 + 80 * n) + 4 * g.headDim;
}

/** Query blocks of one cluster that are estimated together. */
export const blocksPerUnit = (p: LevelsParameters): number =>
  Math.max(1, Math.min(ERROR_BLOCKS, Math.floor(COMFORTABLE_BYTES / estimateBytes(p))));

/** Bytes of private scratch one thread needs: the largest of what the kernels keep at a time. */
export function levelsScratch(p: LevelsParameters): number {
  const { headDim: d, blockSize } = p.geometry;
  const attend = 4 * (2 * L.TILE_ROWS * d + L.TILE_ROWS * L.TILE_COLUMNS + 40 * L.TILE_ROWS + 2 * L.TILE_COLUMNS);
  const gathered = 4 * 2 * L.TILE_COLUMNS * d + 2048;
  // Keys, values, the spreads of the nodes.
  const nodes = 4 * (2 * blockSize * d + p.columns * d + 2 * d) + 8192;
  // Keys beside values, a raw copy, means and the work of the bisection.
  const split = 4 * (3 * blockSize * d + 12 * d) + 8192;
  const clusters = 4 * d * (p.clusters + 1) + 4 * (p.n + 16);
  return align(Math.max(attend + gathered, nodes, split, clusters, estimateBytes(p) * blocksPerUnit(p)) + 1024);
}
