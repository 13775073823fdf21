import type { Behaviour } from "@spaattn/attention";
import { describeValue } from "@spaattn/core";
import type { Grid } from "@spaattn/layout";
import type { ModelCard, VideoSize } from "./card.js";

/** From pixels to tokens. */
export interface VideoGeometry {
  readonly size: VideoSize;
  /** Latent grid `[t, h, w]` that the VAE makes. */
  readonly latent: Grid;
  /** Token grid `[t, h, w]`. */
  readonly grid: Grid;
  readonly visualTokens: number;
}

/**
 * The token grid of a generation (docs/models.md#table).
 *
 * @throws RangeError with the nearest valid sizes for one the model cannot make.
 */
export function videoGeometry(card: ModelCard, size: VideoSize, behaviour: Behaviour = "corrected"): VideoGeometry {
  const { vaeStride, patch } = card;
  checkFrames(card, size.frames);
  checkPixels(card, "height", size.height, vaeStride[1] * patch[1]);
  checkPixels(card, "width", size.width, vaeStride[2] * patch[2]);
  const frames =
    behaviour === "reference" && card.referenceFrames
      ? card.referenceFrames(size.frames)
      : Math.floor((size.frames - 1) / vaeStride[0]) + 1;
  if (frames < 1)
    throw new RangeError(
      `size.frames ${size.frames} has no latent frame with behaviour "reference" (docs/corrections.md#no-13)`,
    );
  const latent: Grid = [frames, size.height / vaeStride[1], size.width / vaeStride[2]];
  // A last, incomplete temporal patch is padded by the model.
  const grid: Grid = [Math.ceil(latent[0] / patch[0]), latent[1] / patch[1], latent[2] / patch[2]];
  return { size, latent, grid, visualTokens: grid[0] * grid[1] * grid[2] };
}

function checkFrames(card: ModelCard, frames: number): void {
  const { frameRemainders, vaeStride, title } = card;
  if (!frameRemainders) {
    if (frames !== 1) throw new RangeError(`size.frames must be 1: ${title} makes images, got ${frames}`);
    return;
  }
  const stride = vaeStride[0];
  const valid = (count: number) => count === 1 || (count > 1 && frameRemainders.includes(count % stride));
  if (Number.isSafeInteger(frames) && valid(frames)) return;
  const rule = frameRemainders.map((r) => (r === 0 ? `${stride}k` : `${stride}k+${r}`)).join(" or ");
  throw new RangeError(
    `size.frames must be ${rule} for ${title}, got ${describeValue(frames)}; ${nearest(frames, 1, 1, valid)}`,
  );
}

function checkPixels(card: ModelCard, name: "height" | "width", value: number, stride: number): void {
  if (Number.isSafeInteger(value) && value > 0 && value % stride === 0) return;
  const near = nearest(value, stride, stride, (x) => x > 0 && x % stride === 0);
  throw new RangeError(
    `size.${name} must be a multiple of ${stride} for ${card.title}, got ${describeValue(value)}; ${near}`,
  );
}

/** Names the valid values next to a number. */
function nearest(value: number, step: number, least: number, valid: (value: number) => boolean): string {
  if (!Number.isFinite(value) || value > Number.MAX_SAFE_INTEGER / 2) return `the smallest valid one is ${least}`;
  let below = Math.floor(value / step) * step;
  while (below >= least && !valid(below)) below -= step;
  let above = Math.max(least, Math.ceil(value / step) * step);
  while (!valid(above)) above += step;
  return below >= least ? `the nearest valid ones are ${below} and ${above}` : `the nearest valid one is ${above}`;
}
