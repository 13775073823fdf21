import { isSpaAttnError, throwIfAborted } from "@spaattn/core";
import { malformed } from "@spaattn/weights";
import { type Apng, ApngCanvas, type ApngFrame } from "../clip/apng.js";
import { type Clip, checkClip } from "../clip/clip.js";
import { checkBytes, checkPixels, frameRate } from "../clip/limits.js";
import { shrinkClip } from "./image-clip.js";
import type { ReadClipOptions } from "./read-clip.js";
import { loadSharp } from "./sharp.js";

/** Reads an animated PNG, which libvips (and so sharp) sees the default image of: frame by frame, put together here. */
export async function readAnimatedPng(apng: Apng, path: string, options: ReadClipOptions): Promise<Clip> {
  const { width, height } = apng;
  const frames = apng.frames.slice(0, options.maxFrames);
  checkPixels(path, width, height);
  checkBytes(path, frames.length, width, height);
  const size = width * height * 3;
  const data = new Uint8Array(frames.length * size);
  const canvas = new ApngCanvas(width, height);
  try {
    for (const [i, frame] of frames.entries()) {
      throwIfAborted(options.signal);
      canvas.show(frame, await rgba(frame), data.subarray(i * size, (i + 1) * size));
    }
  } catch (cause) {
    if (isSpaAttnError(cause)) throw cause;
    malformed(path, `the animated PNG cannot be decoded (${(cause as Error).message})`, { cause });
  }
  const more = apng.frames.length > frames.length ? { totalFrames: apng.frames.length } : {};
  const clip = { width, height, frames: frames.length, ...frameRate(frames.map(({ delay }) => delay)), ...more, data };
  checkClip(clip);
  return options.maxSize ? await shrinkClip(clip, options.maxSize) : clip;
}

/** `[height, width, 4]` bytes of one frame, whatever its type of colour and its depth. */
async function rgba({ png, width, height }: ApngFrame): Promise<Uint8Array> {
  const sharp = await loadSharp();
  const image = sharp(png, { limitInputPixels: false }).toColourspace("srgb").ensureAlpha();
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  if (info.width !== width || info.height !== height || info.channels !== 4)
    throw new Error(`a frame is ${info.width}x${info.height}x${info.channels}, not ${width}x${height}x4`);
  return data;
}
