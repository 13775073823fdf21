/*
 * Where the summaries of all levels are (levels.md sections 2 and 5): level l has 2^l nodes per key block, and the nodes
 * of all levels are rows of one array, level by level. The nodes of a block at one level are neighbours.
 */

/** In a choice: the block is attended exactly. */
export const EXACT = 255;

/** The first row of level `l`: `n (2^l − 1)`. */
export const levelStart = (blocks: number, level: number): number => blocks * (2 ** level - 1);

/** Rows of all levels: `n (2^(L+1) − 1)`. */
export const nodeRowCount = (blocks: number, depth: number): number => levelStart(blocks, depth + 1);

/** The first row of a block's nodes at one level; there are `2^level`. */
export const blockRow = (blocks: number, level: number, block: number): number =>
  levelStart(blocks, level) + block * 2 ** level;
