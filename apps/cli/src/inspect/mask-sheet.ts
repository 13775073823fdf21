import type { BlockMask } from "@spaattn/attention";
import type { Picture } from "@spaattn/io";

const COMPUTED = [37, 99, 200];
const SKIPPED = [241, 238, 231];
const GAP = [255, 255, 255];
const GAP_PIXELS = 8;

/** The masks of several heads in one picture, side by side in rows; a gap between them. */
export function maskSheet(mask: BlockMask, heads: readonly number[], blocks: number, zoom: number): Picture {
  const across = Math.ceil(Math.sqrt(heads.length));
  const down = Math.ceil(heads.length / across);
  const side = blocks * zoom;
  const width = across * (side + GAP_PIXELS) + GAP_PIXELS;
  const height = down * (side + GAP_PIXELS) + GAP_PIXELS;
  if (width * height > 1e8)
    throw new RangeError(`The picture would have ${width}x${height} pixels; choose a smaller --zoom or fewer --head.`);
  const data = new Uint8Array(width * height * 3);
  fill(data, width, 0, 0, width, height, GAP);
  for (const [i, head] of heads.entries()) {
    const left = GAP_PIXELS + (i % across) * (side + GAP_PIXELS);
    const top = GAP_PIXELS + Math.floor(i / across) * (side + GAP_PIXELS);
    fill(data, width, left, top, side, side, SKIPPED);
    for (let row = 0; row < blocks; row++) {
      const at = head * blocks + row;
      for (let slot = 0; slot < mask.counts[at]; slot++) {
        const column = mask.indices[at * mask.stride + slot];
        if (column < blocks) fill(data, width, left + column * zoom, top + row * zoom, zoom, zoom, COMPUTED);
      }
    }
  }
  return { width, height, data };
}

function fill(
  data: Uint8Array,
  stride: number,
  left: number,
  top: number,
  width: number,
  height: number,
  colour: readonly number[],
): void {
  for (let y = top; y < top + height; y++)
    for (let x = left; x < left + width; x++) data.set(colour, (y * stride + x) * 3);
}
