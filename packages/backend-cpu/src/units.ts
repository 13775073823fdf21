import { TILE_COLUMNS, TILE_ROWS } from "./job-layout.js";
import type { Parameters } from "./parameters.js";
import type { RowRange } from "./transfer.js";
import type { Span } from "./work.js";

const range = (first: number, end: number): number[] =>
  Array.from({ length: Math.max(0, end - first) }, (_, i) => first + i);

/** Units of one head that a phase covers, for query blocks `rows` and `groupCount` groups. */
export function unitsOf(span: Span, p: Parameters, item: number, groupCount: number, rows: RowRange): number[] {
  const { n, groups, strata, geometry } = p;
  const { blockSize, textTokens, textValid } = geometry;
  const textBlocks = Math.ceil(textValid[item] / blockSize);
  const perBlock = blockSize / TILE_ROWS;
  switch (span) {
    case "head":
      return [0];
    case "blocks":
      return range(0, n);
    case "textBlocks":
      return range(n, n + textBlocks);
    case "keyBlocks":
      return range(0, n + textBlocks);
    case "groups":
      return range(0, groups);
    case "strataTiles":
      return range(0, groupCount * Math.ceil(strata / TILE_COLUMNS));
    case "rows":
      return range(rows.first, rows.end);
    case "rowTiles": {
      const visual = range(rows.first * perBlock, rows.end * perBlock);
      // Text rows are dense, so they come first; they go with the last rows.
      const text = rows.end === n ? range(n * perBlock, n * perBlock + Math.ceil(textTokens / TILE_ROWS)) : [];
      return [...text, ...visual];
    }
  }
}

/** Tiles ordered by the length of their block list, text tiles first. */
export function longestFirst(tiles: readonly number[], p: Parameters, count: (row: number) => number): number[] {
  const perBlock = p.geometry.blockSize / TILE_ROWS;
  const length = (tile: number) => (tile >= p.n * perBlock ? Infinity : count(Math.floor(tile / perBlock)));
  return tiles
    .map((tile) => ({ tile, length: length(tile) }))
    .sort((a, b) => (a.length === b.length ? a.tile - b.tile : b.length - a.length))
    .map(({ tile }) => tile);
}
