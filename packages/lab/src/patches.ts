import { type Clip, type ClipSize, checkClip, resample } from "./clip.js";

/** Frames x rows x columns of pixels in one token. */
export type PatchSize = readonly [t: number, h: number, w: number];

/** A clip cut into 3-D patches, one token each, in raster order. */
export interface Patches {
  readonly grid: readonly [t: number, h: number, w: number];
  readonly patch: PatchSize;
  /** The size the clip was brought to. */
  readonly size: ClipSize;
  /** Values per token: `t * h * w * 3`. */
  readonly channels: number;
  /** `[tokens, channels]`, each colour channel with zero mean and unit variance over the clip. */
  readonly data: Float32Array;
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

// Video models see about one latent frame per three token columns (21 x 45 x 80 for Wan at 720p).
const FRAMES_PER_SIDE = 21 / 60;

/** The largest token grid of the clip's aspect ratio, with model-like proportions, of at most `maxTokens` tokens. */
export function chooseGrid(clip: Clip, patch: PatchSize, maxTokens: number): [number, number, number] {
  const aspect = clip.width / clip.height;
  const limits = [clip.frames / patch[0], clip.height / patch[1], clip.width / patch[2]].map((x) =>
    Math.max(1, Math.floor(x)),
  );
  const fit = (tokens: number): [number, number, number] => {
    const side = clip.frames < patch[0] * 2 ? Math.sqrt(tokens) : (tokens / FRAMES_PER_SIDE) ** (1 / 3);
    const t = Math.min(limits[0], Math.max(1, Math.round(side * FRAMES_PER_SIDE)));
    const area = tokens / t;
    const h = Math.min(limits[1], Math.max(1, Math.round(Math.sqrt(area / aspect))));
    const w = Math.min(limits[2], Math.max(1, Math.round(Math.sqrt(area * aspect))));
    return [t, h, w];
  };
  let tokens = maxTokens;
  let grid = fit(tokens);
  // Rounding may overshoot; shrink until it fits.
  while (grid[0] * grid[1] * grid[2] > maxTokens && tokens > 1) {
    tokens *= 0.98;
    grid = fit(tokens);
  }
  return grid;
}

/** Cuts a clip into patches on the given token grid. */
export function cutPatches(clip: Clip, grid: readonly [number, number, number], patch: PatchSize): Patches {
  checkClip(clip);
  const size = { frames: grid[0] * patch[0], height: grid[1] * patch[1], width: grid[2] * patch[2] };
  const pixels = resample(clip, size);
  const { mean, deviation } = statistics(pixels);
  const channels = patch[0] * patch[1] * patch[2] * 3;
  const data = new Float32Array(grid[0] * grid[1] * grid[2] * channels);
  forEachPixel(grid, patch, size, (token, channel, pixel) => {
    const colour = channel % 3;
    data[token * channels + channel] = (pixels[pixel] - mean[colour]) / deviation[colour];
  });
  return { grid, patch, size, channels, data, mean, deviation };
}

/** Puts patch values back into frames: `[frames, height, width, 3]` bytes. `values` is `[tokens, stride]`. */
export function joinPatches(values: ArrayLike<number>, stride: number, patches: Patches): Uint8ClampedArray {
  const { grid, patch, size, mean, deviation } = patches;
  const frames = new Uint8ClampedArray(size.frames * size.height * size.width * 3);
  forEachPixel(grid, patch, size, (token, channel, pixel) => {
    const colour = channel % 3;
    frames[pixel] = values[token * stride + channel] * deviation[colour] + mean[colour];
  });
  return frames;
}

type Visit = (token: number, channel: number, pixel: number) => void;

function forEachPixel(grid: readonly number[], patch: PatchSize, size: ClipSize, visit: Visit): void {
  let token = 0;
  for (let t = 0; t < grid[0]; t++)
    for (let h = 0; h < grid[1]; h++)
      for (let w = 0; w < grid[2]; w++, token++) {
        let channel = 0;
        for (let dt = 0; dt < patch[0]; dt++)
          for (let dh = 0; dh < patch[1]; dh++) {
            const row = (t * patch[0] + dt) * size.height + h * patch[1] + dh;
            const start = (row * size.width + w * patch[2]) * 3;
            for (let i = 0; i < patch[2] * 3; i++) visit(token, channel++, start + i);
          }
      }
}

function statistics(pixels: Float32Array): { mean: number[]; deviation: number[] } {
  const count = pixels.length / 3;
  const mean = [0, 0, 0];
  const square = [0, 0, 0];
  for (let i = 0; i < pixels.length; i++) {
    mean[i % 3] += pixels[i] / count;
    square[i % 3] += pixels[i] ** 2 / count;
  }
  // A clip of one colour has no deviation; 1 keeps it finite.
  return { mean, deviation: square.map((x, c) => Math.sqrt(Math.max(x - mean[c] ** 2, 0)) || 1) };
}
