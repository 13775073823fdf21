import type { LatentSize } from "../wan/condition.js";
import { TILES } from "./decode.js";
import { channelsLast, cutPlanes, putPlanes } from "./planes.js";
import type { ProgressMeter } from "./progress.js";
import { type Block, TileBlender, type TileRule, tileSpans } from "./tiles.js";
import { VaeEncoder } from "./vae-encoder.js";
import type { VaeContext } from "./vae-passes.js";

export interface EncodeTask {
  readonly context: VaeContext;
  /** Of the latents. */
  readonly size: LatentSize;
  /** `[3, frames, height, width]` from -1 to 1. */
  readonly video: Float32Array;
  readonly signal?: AbortSignal;
}

/** Tiles in latents where the video must be encoded in parts; undefined where it fits whole. */
export function encoderTiles(context: VaeContext, size: LatentSize, tiling: boolean | "auto"): TileRule | undefined {
  const { memoryLimit, config } = context;
  // The reference counts pixels behind their folding.
  const latents = (pixels: number) => (pixels * config.patch) / config.spatialFactor;
  const tiles = { size: latents(TILES.size), stride: latents(TILES.stride) };
  if (tiling === false || (size.height <= tiles.size && size.width <= tiles.size)) return undefined;
  if (tiling === true) return tiles;
  if (memoryLimit === undefined) return undefined;
  return new VaeEncoder(context, size).bytes > memoryLimit ? tiles : undefined;
}

/** Encodes to normalised latents `[channels, frames, height, width]`, in tiles that fade over each other where asked. */
export async function encodeVideo(
  task: EncodeTask,
  tiles: TileRule | undefined,
  meter: ProgressMeter,
): Promise<Float32Array> {
  const { context, size, video } = task;
  if (!tiles) return encodePart(task, size, video, meter);
  const { config } = context;
  const pixels = (latents: number) => latents * config.spatialFactor;
  const whole = { height: pixels(size.height), width: pixels(size.width) };
  const [rows, columns] = [tileSpans(size.height, tiles), tileSpans(size.width, tiles)];
  const blender = new TileBlender(tiles, columns.length);
  const out = new Float32Array(config.zDim * size.frames * size.height * size.width);
  for (const y of rows)
    for (const x of columns) {
      const part = { ...size, height: y.length, width: x.length };
      const of = { height: pixels(y.length), width: pixels(x.length) };
      const cut = cutPlanes(video, whole, of, pixels(y.start), pixels(x.start));
      const data = channelsLast(await encodePart(task, part, cut, meter), config.zDim);
      const tile: Block = { ...part, channels: config.zDim, data };
      putPlanes(blender.add(tile), out, size, y.start, x.start);
    }
  return out;
}

async function encodePart(
  { context, signal }: EncodeTask,
  size: LatentSize,
  video: Float32Array,
  meter: ProgressMeter,
): Promise<Float32Array> {
  const encoder = new VaeEncoder(context, size);
  try {
    return await encoder.encode(video, meter, "image", signal);
  } finally {
    encoder.dispose();
  }
}
