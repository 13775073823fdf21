/** Tiles of an image: starts at multiples of the stride until the image ends; the last ones are smaller. */
export interface TileRule {
  readonly size: number;
  readonly stride: number;
}

/** A video with channels last, `[frames, height, width, channels]`. */
export interface Block {
  readonly frames: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly data: Float32Array;
}

/** One tile along an axis. */
export interface Span {
  readonly start: number;
  readonly length: number;
}

/** @throws RangeError for a stride beyond the tile */
export function tileSpans(length: number, { size, stride }: TileRule): Span[] {
  if (!(Number.isSafeInteger(stride) && Number.isSafeInteger(size) && stride > 0 && stride <= size))
    throw new RangeError(`tiles of ${size} cannot begin every ${stride}`);
  return Array.from({ length: Math.ceil(length / stride) }, (_, i) => ({
    start: i * stride,
    length: Math.min(size, length - i * stride),
  }));
}

/**
 * Joins tiles that come row by row: each fades in over what the tiles above and to the left of it have left, then gives
 * what no later tile will touch.
 *
 * Only the strips that later tiles fade over are kept.
 */
export class TileBlender {
  /** The lower strips of the row of tiles above, and of the row in work. */
  #above: Block[] = [];
  #row: Block[] = [];
  #left: Block | undefined;

  constructor(
    readonly rule: TileRule,
    readonly columns: number,
  ) {}

  /** @returns the part of the tile that is final, at most as wide and high as the stride */
  add(tile: Block): Block {
    const { stride } = this.rule;
    const column = this.#row.length;
    const above = this.#above[column];
    if (above) fadeDown(above, tile, this.#overlap);
    if (this.#left) fadeRight(this.#left, tile, this.#overlap);
    this.#left = cut(tile, 0, tile.height, tile.width - this.#overlap, tile.width);
    this.#row.push(cut(tile, tile.height - this.#overlap, tile.height, 0, tile.width));
    if (this.#row.length === this.columns) {
      this.#above = this.#row;
      this.#row = [];
      this.#left = undefined;
    }
    return cut(tile, 0, Math.min(stride, tile.height), 0, Math.min(stride, tile.width));
  }

  get #overlap(): number {
    return this.rule.size - this.rule.stride;
  }
}

/** Rows and columns of a block; starts below 0 mean 0. */
function cut(
  { frames, height, width, channels, data }: Block,
  top: number,
  bottom: number,
  from: number,
  to: number,
): Block {
  const [y0, x0] = [Math.max(0, top), Math.max(0, from)];
  const [h, w] = [bottom - y0, to - x0];
  const out = new Float32Array(frames * h * w * channels);
  for (let frame = 0; frame < frames; frame++)
    for (let y = 0; y < h; y++) {
      const at = ((frame * height + y0 + y) * width + x0) * channels;
      out.set(data.subarray(at, at + w * channels), (frame * h + y) * w * channels);
    }
  return { frames, height: h, width: w, channels, data: out };
}

function fadeDown(above: Block, tile: Block, overlap: number): void {
  const extent = Math.min(above.height, tile.height, overlap);
  const rowLength = tile.width * tile.channels;
  for (let frame = 0; frame < tile.frames; frame++)
    for (let y = 0; y < extent; y++) {
      const from = (frame * above.height + above.height - extent + y) * rowLength;
      mix(above.data, from, tile.data, (frame * tile.height + y) * rowLength, rowLength, y / extent);
    }
}

function fadeRight(left: Block, tile: Block, overlap: number): void {
  const extent = Math.min(left.width, tile.width, overlap);
  for (let row = 0; row < tile.frames * tile.height; row++)
    for (let x = 0; x < extent; x++) {
      const from = (row * left.width + left.width - extent + x) * tile.channels;
      mix(left.data, from, tile.data, (row * tile.width + x) * tile.channels, tile.channels, x / extent);
    }
}

function mix(old: Float32Array, from: number, data: Float32Array, at: number, count: number, share: number): void {
  for (let i = 0; i < count; i++) data[at + i] = old[from + i] * (1 - share) + data[at + i] * share;
}
