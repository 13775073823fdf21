import type { TokenLayout } from "@spaattn/attention";
import { checkFields, describeValue } from "@spaattn/core";
import type { AxisOrder } from "./axis-order.js";
import { blockNeighbours, firstFrameBlocks } from "./blocks.js";
import { checkBlockSize, type Grid, tokenCount } from "./grid.js";
import { hilbertCurve } from "./hilbert-curve.js";
import { invertOrder, rasterOrder } from "./order.js";

export interface VideoLayoutOptions {
  /** Token grid `[t, h, w]`; an image has `t = 1`. */
  readonly grid: Grid;
  /** Tokens per block; default 128. */
  readonly blockSize?: number;
  /** Text slots of the caller's sequence; default 0. */
  readonly textTokens?: number;
  /** Where text sits in the caller's sequence. At attention positions it is always behind the visual tokens. */
  readonly text?: "behind" | "front";
  /** `raster` keeps the row-major order; default `hilbert`. */
  readonly curve?: "hilbert" | "raster";
  /** Major, middle and minor axis of the curve; default w, h, t as in all models. */
  readonly axisOrder?: AxisOrder;
}

/** A `TokenLayout` that also has the curve of the visual tokens alone. */
export interface VideoLayout extends TokenLayout {
  /** `[visual tokens]`: row-major cell at each curve position; permutes what belongs to visual tokens only. */
  readonly curveToLinear: Int32Array;
}

/**
 * The token order of a video (algorithm.md section 1): visual tokens along the curve, text behind them.
 *
 * `order` reads the caller's sequence (`[visual | text]` or `[text | visual]`, visual tokens row-major); the neighbour
 * table is computed at its first use.
 *
 * @throws RangeError that names the option.
 */
export function videoLayout(options: VideoLayoutOptions): VideoLayout {
  checkFields("options", options, ["grid", "blockSize", "textTokens", "text", "curve", "axisOrder"]);
  const { grid, blockSize = 128, textTokens = 0, text = "behind", curve = "hilbert", axisOrder } = options;
  checkBlockSize(blockSize);
  if (!Number.isSafeInteger(textTokens) || textTokens < 0)
    throw new RangeError(`textTokens must be a non-negative integer, got ${describeValue(textTokens)}`);
  if (text !== "behind" && text !== "front")
    throw new RangeError(`text must be "behind" or "front", got ${describeValue(text)}`);
  if (curve !== "hilbert" && curve !== "raster")
    throw new RangeError(`curve must be "hilbert" or "raster", got ${describeValue(curve)}`);
  const visual = tokenCount(grid);
  const curveToLinear = curve === "hilbert" ? hilbertCurve(grid, axisOrder) : rasterOrder(grid);
  const [visualStart, textStart] = text === "front" ? [textTokens, 0] : [0, visual];
  const order = new Int32Array(visual + textTokens);
  for (let i = 0; i < visual; i++) order[i] = visualStart + curveToLinear[i];
  for (let i = 0; i < textTokens; i++) order[visual + i] = textStart + i;
  let neighbours: Uint8Array | undefined;
  return {
    grid: [...grid],
    blockSize,
    curveToLinear,
    order,
    inverse: invertOrder(order),
    get neighbours() {
      neighbours ??= blockNeighbours(curveToLinear, grid, blockSize);
      return neighbours;
    },
    firstFrameBlocks: firstFrameBlocks(curveToLinear, grid, blockSize),
  };
}
