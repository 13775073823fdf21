/** Token order as attention needs it; made by `videoLayout` of `@spaattn/layout` or by a model adapter. */
export interface TokenLayout {
  /** Token grid `[t, h, w]`. */
  readonly grid: readonly [number, number, number];
  readonly blockSize: number;
  /** `[tokens]`: index in the caller's sequence of the token at each attention position (visual along the curve, then text). */
  readonly order: Int32Array;
  /** The inverse table: attention position of each token of the caller's sequence. */
  readonly inverse: Int32Array;
  /** `[n, n]`, 1 where two visual blocks touch (docs/method.md#neighbours). Symmetric, diagonal set. */
  readonly neighbours: Uint8Array;
  /** Ascending indices of the visual blocks that hold at least one token of frame 0. */
  readonly firstFrameBlocks: Int32Array;
}
