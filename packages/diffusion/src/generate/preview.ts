import type { RgbImage } from "../image/resize.js";
import { solve } from "../schedulers/solve.js";
import type { LatentSize } from "../wan/condition.js";
import { toByte } from "./image.js";

/** A linear map from latents to colours: three rows of one factor per channel and an offset. */
export type PreviewMap = readonly (readonly number[])[];

/**
 * Fits the map to decoded examples: the mean colour under each latent.
 *
 * @param latents `[channels, cells]`
 * @param colours `[3, cells]` from -1 to 1
 */
export function fitPreview(latents: Float32Array, colours: Float32Array, channels: number): PreviewMap {
  const cells = latents.length / channels;
  const width = channels + 1;
  const row = (cell: number) => Array.from({ length: width }, (_, i) => (i < channels ? latents[i * cells + cell] : 1));
  const normal = Array.from({ length: width }, () => new Array<number>(width).fill(0));
  const right = [0, 1, 2].map(() => new Array<number>(width).fill(0));
  for (let cell = 0; cell < cells; cell++) {
    const values = row(cell);
    for (let i = 0; i < width; i++) {
      for (let j = 0; j < width; j++) normal[i][j] += values[i] * values[j];
      for (let colour = 0; colour < 3; colour++) right[colour][i] += values[i] * colours[colour * cells + cell];
    }
  }
  // A little of the identity keeps channels without effect small.
  for (let i = 0; i < width; i++) normal[i][i] += 1e-3 * cells;
  return right.map((side) => solve(normal, side));
}

/** One frame of latents as a picture, one pixel per latent. */
export function previewFrame(map: PreviewMap, latents: Float32Array, size: LatentSize, frame: number): RgbImage {
  const { frames, height, width } = size;
  if (!(Number.isSafeInteger(frame) && frame >= 0 && frame < frames))
    throw new RangeError(`frame must be from 0 to ${frames - 1}, got ${frame}`);
  const plane = height * width;
  const channels = latents.length / (frames * plane);
  const data = new Uint8Array(plane * 3);
  for (let cell = 0; cell < plane; cell++)
    for (let colour = 0; colour < 3; colour++) {
      let value = map[colour][channels];
      for (let channel = 0; channel < channels; channel++)
        value += map[colour][channel] * latents[(channel * frames + frame) * plane + cell];
      data[cell * 3 + colour] = toByte(value);
    }
  return { width, height, data };
}
