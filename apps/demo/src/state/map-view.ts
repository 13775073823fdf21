/** The square window of blocks that linked maps show, and the cell under the cursor. */
export interface MapView {
  /** First row and column shown, and how many. */
  readonly row: number;
  readonly column: number;
  readonly size: number;
}

const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));

export const wholeMap = (blocks: number): MapView => ({ row: 0, column: 0, size: blocks });

/** Zooms by a factor (below 1 goes closer) and keeps the given cell where it is. */
export function zoomMap(view: MapView, blocks: number, factor: number, row: number, column: number): MapView {
  const size = clamp(Math.round(view.size * factor), Math.min(4, blocks), blocks);
  const keep = (first: number, cell: number) => Math.round(cell - ((cell - first) * size) / view.size);
  return placeMap({ row: keep(view.row, row), column: keep(view.column, column), size }, blocks);
}

/** Moves a window back inside the map. */
export const placeMap = (view: MapView, blocks: number): MapView => ({
  size: view.size,
  row: clamp(view.row, 0, blocks - view.size),
  column: clamp(view.column, 0, blocks - view.size),
});

/** Moves the window just far enough to show a cell. */
export function revealCell(view: MapView, blocks: number, row: number, column: number): MapView {
  const shift = (first: number, cell: number) => clamp(first, cell - view.size + 1, cell);
  return placeMap({ ...view, row: shift(view.row, row), column: shift(view.column, column) }, blocks);
}
