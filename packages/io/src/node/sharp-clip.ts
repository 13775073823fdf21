import { basename, extname } from "node:path";
import { SpaAttnError, throwIfAborted } from "@spaattn/core";
import { malformed } from "@spaattn/weights";
import { type WriteOptions, writeFileWhole } from "@spaattn/weights/node";
import { type Clip, checkClip, clipFrame } from "../clip/clip.js";
import type { ReadClipOptions } from "./read-clip.js";

/** sharp is an optional dependency: it is loaded where a picture is really read or written. */
async function loadSharp() {
  try {
    return (await import("sharp")).default;
  } catch (cause) {
    throw new SpaAttnError("Unsupported", "Images cannot be read or written: the package sharp is not installed.", {
      remedy: "Run `npm install sharp`.",
      cause,
    });
  }
}

/** Reads GIF, WebP, PNG, JPEG or AVIF, animated or not. */
export async function readImageClip(path: string, options: ReadClipOptions): Promise<Clip> {
  const sharp = await loadSharp();
  const { maxFrames = Number.POSITIVE_INFINITY, maxSize, signal } = options;
  try {
    const { pages = 1, delay } = await sharp(path).metadata();
    const frames = Math.min(pages, maxFrames);
    throwIfAborted(signal);
    const image = sharp(path, { pages: frames }).toColourspace("srgb").flatten({ background: "#000" });
    if (maxSize) image.resize({ width: maxSize, height: maxSize, fit: "inside", withoutEnlargement: true });
    const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
    const height = info.pageHeight ?? info.height / frames;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const clip = {
      width: info.width,
      height,
      frames,
      name: basename(path),
      ...speed(delay?.slice(0, frames)),
      data: bytes,
    };
    checkClip(clip);
    return clip;
  } catch (cause) {
    if (cause instanceof SpaAttnError) throw cause;
    malformed(path, `the picture cannot be decoded (${(cause as Error).message})`, { cause });
  }
}

/** A clip whose longer side is at most `maxSize` pixels. */
export async function shrinkClip(clip: Clip, maxSize: number): Promise<Clip> {
  const { width, height, frames } = clip;
  const scale = maxSize / Math.max(width, height);
  if (scale >= 1) return clip;
  const sharp = await loadSharp();
  const size = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
  const bytes = size.width * size.height * 3;
  const data = new Uint8Array(bytes * frames);
  for (let frame = 0; frame < frames; frame++) {
    const image = sharp(clipFrame(clip, frame), { raw: { width, height, channels: 3 } });
    data.set(
      await image
        .resize({ ...size, fit: "fill" })
        .raw()
        .toBuffer(),
      frame * bytes,
    );
  }
  return { ...clip, ...size, data };
}

/** Frames per second from delays in milliseconds; players show delays below 20 ms as 100 ms. */
function speed(delays: number[] | undefined): { fps?: number } {
  if (!delays || delays.length < 2) return {};
  const mean = delays.reduce((sum, ms) => sum + (ms < 20 ? 100 : ms), 0) / delays.length;
  return { fps: 1000 / mean };
}

export interface WriteClipOptions extends WriteOptions {
  /** Default: the clip's own, or 16. */
  readonly fps?: number;
  /** WebP only, 1 to 100; default: lossless. */
  readonly quality?: number;
}

/**
 * Writes an animated `.gif` or `.webp`.
 *
 * @throws RangeError for another extension or a clip whose size and data disagree.
 * @throws SpaAttnError FileAccess, also when the file exists and `force` is not set.
 */
export async function writeClip(path: string, clip: Clip, options: WriteClipOptions = {}): Promise<void> {
  checkClip(clip);
  const { width, height, frames, data } = clip;
  const format = extname(path).toLowerCase();
  if (format !== ".gif" && format !== ".webp")
    throw new RangeError(`a clip is written as .gif or .webp, not "${format}"`);
  const sharp = await loadSharp();
  const delay = new Array<number>(frames).fill(Math.round(1000 / (options.fps ?? clip.fps ?? 16)));
  // Frames lie below each other.
  const raw = { width, height: height * frames, channels: 3 as const, pageHeight: height };
  const image = sharp(data, { raw, limitInputPixels: false });
  const { quality } = options;
  const encoded =
    format === ".gif"
      ? image.gif({ delay, loop: 0, effort: 10 })
      : image.webp({ delay, loop: 0, effort: 6, ...(quality === undefined ? { lossless: true } : { quality }) });
  await writeFileWhole(path, [await encoded.toBuffer()], options);
}
