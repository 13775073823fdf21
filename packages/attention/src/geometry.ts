/**
 * How one attention call is cut into blocks (docs/method.md#notation).
 *
 * Tokens are `[visual | text]`. Visual blocks tile the visual tokens alone, the last one may be partly filled; text
 * blocks start right behind the visual tokens, whatever their number. Key blocks are numbered visual first, then text.
 */
export interface Geometry {
  readonly batch: number;
  readonly heads: number;
  readonly headDim: number;
  /** Softmax scale, `headDim ** -0.5` unless the caller says otherwise. */
  readonly scale: number;
  /** Visual tokens N. */
  readonly visualTokens: number;
  /** Text slots T, the same for every batch item. */
  readonly textTokens: number;
  /** Valid text tokens T_v of each batch item; a prefix of the slots. */
  readonly textValid: readonly number[];
  /** N + T. */
  readonly tokens: number;
  readonly blockSize: number;
  /** n = ceil(N / blockSize). */
  readonly visualBlocks: number;
  /** ceil(T / blockSize). */
  readonly textBlocks: number;
  /** visualBlocks + textBlocks: the columns of a mask. */
  readonly blocks: number;
}

export type GeometryInput = Pick<Geometry, "batch" | "heads" | "headDim" | "visualTokens" | "blockSize"> &
  Partial<Pick<Geometry, "scale" | "textTokens" | "textValid">>;

export function makeGeometry(input: GeometryInput): Geometry {
  const { batch, heads, headDim, visualTokens, blockSize } = input;
  const textTokens = input.textTokens ?? 0;
  const visualBlocks = Math.ceil(visualTokens / blockSize);
  const textBlocks = Math.ceil(textTokens / blockSize);
  return {
    batch,
    heads,
    headDim,
    scale: input.scale ?? headDim ** -0.5,
    visualTokens,
    textTokens,
    textValid: input.textValid ?? new Array<number>(batch).fill(textTokens),
    tokens: visualTokens + textTokens,
    blockSize,
    visualBlocks,
    textBlocks,
    blocks: visualBlocks + textBlocks,
  };
}

/** Valid key tokens `[start, end)` of key block `block` for one batch item; empty where no text slot is valid. */
export function keyRange(geometry: Geometry, block: number, batchItem: number): { start: number; end: number } {
  const { visualBlocks, visualTokens, blockSize, textValid } = geometry;
  if (block < visualBlocks) {
    const start = block * blockSize;
    return { start, end: Math.min(start + blockSize, visualTokens) };
  }
  const start = visualTokens + (block - visualBlocks) * blockSize;
  return { start, end: Math.max(start, Math.min(start + blockSize, visualTokens + textValid[batchItem])) };
}

/** Text blocks with at least one valid key: always selected (docs/method.md#selection, step 5). */
export const validTextBlocks = (geometry: Geometry, batchItem: number): number =>
  Math.ceil(geometry.textValid[batchItem] / geometry.blockSize);
