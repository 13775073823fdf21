import type { TypedArray } from "@spaattn/core";
import type { Geometry } from "./geometry.js";

/** Block lists on the host: `counts` `[b, h, n]`, `indices` `[b, h, n, stride]`, ascending key blocks. */
export interface BlockMask {
  readonly counts: ArrayLike<number>;
  readonly indices: ArrayLike<number>;
  readonly stride: number;
}

/** `[b, h, n, columns]` u8 with 1 where a block is selected; `columns` defaults to all key blocks, text included. */
export function maskToDense(mask: BlockMask, geometry: Geometry, columns = geometry.blocks): Uint8Array {
  const rows = geometry.batch * geometry.heads * geometry.visualBlocks;
  const dense = new Uint8Array(rows * columns);
  for (let row = 0; row < rows; row++)
    for (let slot = 0; slot < mask.counts[row]; slot++) {
      const block = mask.indices[row * mask.stride + slot];
      if (block < columns) dense[row * columns + block] = 1;
    }
  return dense;
}

/** The block lists of a dense 0/1 mask `[rows, columns]`. */
export function denseToMask(dense: TypedArray, rows: number, columns: number, stride = columns): BlockMask {
  const counts = new Int32Array(rows);
  const indices = new Int32Array(rows * stride);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      if (dense[row * columns + column]) indices[row * stride + counts[row]++] = column;
  return { counts, indices, stride };
}

/** Share of visual-by-visual blocks that are computed, per `[batch, head]`. */
export function maskDensity(mask: BlockMask, geometry: Geometry): Float64Array {
  const { batch, heads, visualBlocks: n } = geometry;
  const density = new Float64Array(batch * heads);
  for (let row = 0; row < batch * heads * n; row++)
    for (let slot = 0; slot < mask.counts[row]; slot++)
      if (mask.indices[row * mask.stride + slot] < n) density[Math.floor(row / n)] += 1 / (n * n);
  return density;
}
