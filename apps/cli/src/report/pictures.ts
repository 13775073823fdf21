import type { BlockMask } from "@spaattn/attention";
import { encodePng } from "@spaattn/io";
import { type Clip, type HeatMapOptions, heatMap } from "@spaattn/lab";
import type { FilmStrip, InlinePicture } from "./data.js";

/** Computed blocks; skipped ones stay clear, so that a mask looks right on light and dark pages. */
const COMPUTED = [37, 99, 200, 255];

/** Embeds pixels as a PNG. */
export function inline(width: number, height: number, data: Uint8Array | Uint8ClampedArray): InlinePicture {
  const png = encodePng({ width, height, data });
  return { url: `data:image/png;base64,${Buffer.from(png).toString("base64")}`, width, height };
}

/** A clip's frames, one under the other. */
export const filmOfClip = ({ width, height, frames, data }: Clip): FilmStrip => ({
  ...inline(width, height * frames, data),
  height,
  frames,
});

/** A value per token (raster order) as one heat map per token frame. */
export function filmOfTokens(
  values: Float32Array,
  grid: readonly [number, number, number],
  range: readonly [number, number],
): FilmStrip {
  const [frames, rows, columns] = grid;
  const { width, rgba } = heatMap(values, frames * rows, columns, { range });
  return { ...inline(width, frames * rows, rgba), height: rows, frames };
}

/** A matrix as a heat map, one pixel a cell; the page enlarges it. */
export function map(values: ArrayLike<number>, rows: number, columns: number, options: HeatMapOptions): InlinePicture {
  const { width, height, rgba } = heatMap(values, rows, columns, options);
  return inline(width, height, rgba);
}

/** The visual blocks a head computes, `[n, n]`. */
export function maskPicture(mask: BlockMask, head: number, blocks: number): InlinePicture {
  const rgba = new Uint8Array(blocks * blocks * 4);
  for (let row = 0; row < blocks; row++) {
    const at = head * blocks + row;
    for (let slot = 0; slot < mask.counts[at]; slot++) {
      const column = mask.indices[at * mask.stride + slot];
      if (column < blocks) rgba.set(COMPUTED, (row * blocks + column) * 4);
    }
  }
  return inline(blocks, blocks, rgba);
}

/** 0/1 flags `[n, n]` drawn like a mask. */
export function flagPicture(flags: ArrayLike<number>, blocks: number): InlinePicture {
  const rgba = new Uint8Array(blocks * blocks * 4);
  for (let i = 0; i < blocks * blocks; i++) if (flags[i]) rgba.set(COMPUTED, i * 4);
  return inline(blocks, blocks, rgba);
}
