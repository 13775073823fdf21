import type { LatentSize } from "../wan/condition.js";
import { toByte } from "./image.js";
import type { ProgressMeter } from "./progress.js";
import { type Block, TileBlender, type TileRule, tileSpans } from "./tiles.js";
import { VaeDecoder } from "./vae-decoder.js";
import type { VaeContext } from "./vae-passes.js";

/** Tiles in pixels, as the reference has them unless told otherwise. */
export const TILES: TileRule = { size: 256, stride: 192 };

export interface DecodeTask {
  readonly context: VaeContext;
  readonly size: LatentSize;
  /** Normalised, `[channels, frames, height, width]`. */
  readonly latents: Float32Array;
  readonly signal?: AbortSignal;
}

/** Receives pixels from -1 to 1: a block of frames and where its first pixel lies. */
export type PixelSink = (block: Block, at: { readonly frame: number; readonly y: number; readonly x: number }) => void;

/** The tiles in pixels where the video must be decoded in parts; undefined where it fits whole. */
export function tilesFor(context: VaeContext, size: LatentSize, tiling: boolean | "auto"): TileRule | undefined {
  const { memoryLimit, config } = context;
  const side = TILES.size / config.spatialFactor;
  if (tiling === false || (size.height <= side && size.width <= side)) return undefined;
  if (tiling === true) return TILES;
  if (memoryLimit === undefined) return undefined;
  return new VaeDecoder(context, size).bytes > memoryLimit ? TILES : undefined;
}

/** The work that decoding will be, in floating-point operations. */
export function decodeFlop(context: VaeContext, size: LatentSize, tiles: TileRule | undefined): number {
  if (!tiles) return new VaeDecoder(context, size).flop;
  const flops = new Map<string, number>();
  return tilePlan(context, size, tiles).all.reduce((sum, { y, x }) => {
    const key = `${y.length} ${x.length}`;
    const flop =
      flops.get(key) ?? new VaeDecoder(context, { ...size, height: y.length, width: x.length }, { raw: true }).flop;
    flops.set(key, flop);
    return sum + flop;
  }, 0);
}

/** Decodes whole: every pass gives frames of the full size. */
export async function decodeWhole(task: DecodeTask, meter: ProgressMeter, sink: PixelSink): Promise<void> {
  const { context, size, latents, signal } = task;
  const { spatialFactor } = context.config;
  const [height, width] = [size.height * spatialFactor, size.width * spatialFactor];
  const decoder = new VaeDecoder(context, size);
  try {
    let frame = 0;
    for await (const data of decoder.decode(latents, meter, signal)) {
      const frames = data.length / (height * width * 3);
      sink({ frames, height, width, channels: 3, data }, { frame, y: 0, x: 0 });
      frame += frames;
    }
  } finally {
    decoder.dispose();
  }
}

/** Decodes tile by tile, each through all frames, and fades them over each other. */
export async function decodeTiled(
  task: DecodeTask,
  tiles: TileRule,
  meter: ProgressMeter,
  sink: PixelSink,
): Promise<void> {
  const { context, size } = task;
  const { config } = context;
  const { all, columns } = tilePlan(context, size, tiles);
  // Fading happens before squares of pixels are unfolded.
  const folded = { size: tiles.size / config.patch, stride: tiles.stride / config.patch };
  const blender = new TileBlender(folded, columns);
  for (const { y, x } of all) {
    const tile = await decodeTile(task, { ...size, height: y.length, width: x.length }, y.start, x.start, meter);
    const at = { frame: 0, y: y.start * config.spatialFactor, x: x.start * config.spatialFactor };
    sink(finished(blender.add(tile), config.patch), at);
  }
}

function tilePlan({ config }: VaeContext, { height, width }: LatentSize, tiles: TileRule) {
  const { spatialFactor } = config;
  const latent = { size: tiles.size / spatialFactor, stride: tiles.stride / spatialFactor };
  if (!Number.isInteger(latent.size) || !Number.isInteger(latent.stride))
    throw new RangeError(`tiles must be multiples of ${spatialFactor} pixels, got ${tiles.size} every ${tiles.stride}`);
  const [rows, columns] = [tileSpans(height, latent), tileSpans(width, latent)];
  return { all: rows.flatMap((y) => columns.map((x) => ({ y, x }))), columns: columns.length };
}

async function decodeTile(
  task: DecodeTask,
  size: LatentSize,
  y: number,
  x: number,
  meter: ProgressMeter,
): Promise<Block> {
  const { context, latents, signal } = task;
  const { channels, patch, spatialFactor, temporalFactor } = context.config;
  const decoder = new VaeDecoder(context, size, { raw: true });
  const [height, width] = [size.height, size.width].map((side) => (side * spatialFactor) / patch);
  const frames = 1 + (size.frames - 1) * temporalFactor;
  const data = new Float32Array(frames * height * width * channels);
  try {
    let at = 0;
    for await (const part of decoder.decode(window(latents, task.size, size, y, x), meter, signal)) {
      data.set(part, at);
      at += part.length;
    }
    return { frames, height, width, channels, data };
  } finally {
    decoder.dispose();
  }
}

/** Rows and columns of `[channels, frames, height, width]`. */
function window(latents: Float32Array, whole: LatentSize, size: LatentSize, y: number, x: number): Float32Array {
  const planes = latents.length / (whole.height * whole.width);
  const out = new Float32Array(planes * size.height * size.width);
  for (let plane = 0; plane < planes; plane++)
    for (let row = 0; row < size.height; row++) {
      const from = (plane * whole.height + y + row) * whole.width + x;
      out.set(latents.subarray(from, from + size.width), (plane * size.height + row) * size.width);
    }
  return out;
}

/** Channels unfolded to squares of pixels (channel, column, row), clamped. */
function finished(block: Block, patch: number): Block {
  const { frames, height, width, channels, data } = block;
  const colours = channels / (patch * patch);
  const [h, w] = [height * patch, width * patch];
  const out = new Float32Array(frames * h * w * colours);
  for (let i = 0; i < data.length; i++) {
    const channel = i % channels;
    const cell = Math.floor(i / channels);
    const [x, y] = [cell % width, Math.floor(cell / width) % height];
    const frame = Math.floor(cell / (width * height));
    const [row, column] = [channel % patch, Math.floor(channel / patch) % patch];
    const at =
      ((frame * h + y * patch + row) * w + x * patch + column) * colours + Math.floor(channel / (patch * patch));
    out[at] = Math.min(1, Math.max(-1, data[i]));
  }
  return { frames, height: h, width: w, channels: colours, data: out };
}

/** A sink that fills RGB bytes `[frames, height, width, 3]`. */
export const byteSink =
  (data: Uint8Array, height: number, width: number): PixelSink =>
  (block, at) => {
    const length = block.width * 3;
    for (let row = 0; row < block.frames * block.height; row++) {
      const frame = at.frame + Math.floor(row / block.height);
      const to = ((frame * height + at.y + (row % block.height)) * width + at.x) * 3;
      for (let i = 0; i < length; i++) data[to + i] = toByte(block.data[row * length + i]);
    }
  };
