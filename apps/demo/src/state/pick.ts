import type { App } from "./app.js";

/** Frame, row and column of a raster token. */
export const tokenPlace = (token: number, grid: readonly [number, number, number]): [number, number, number] => [
  Math.floor(token / (grid[1] * grid[2])),
  Math.floor((token % (grid[1] * grid[2])) / grid[2]),
  token % grid[2],
];

/** Picks the token at a place of a frame (`down` and `right` are shares of the picture) and says where it is. */
export function pickToken(app: App, frame: number, down: number, right: number): void {
  const grid = app.info?.grid;
  if (!grid) return;
  const [, rows, columns] = grid;
  const row = Math.min(rows - 1, Math.max(0, Math.floor(down * rows)));
  const column = Math.min(columns - 1, Math.max(0, Math.floor(right * columns)));
  app.set({ token: (frame * rows + row) * columns + column });
  app.say(`Picked frame ${frame + 1}, row ${row + 1}, column ${column + 1}.`);
}
