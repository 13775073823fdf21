import type { Clip } from "../clip/clip.js";
import { readAnimatedPng } from "./animated-png.js";
import { clipFormat } from "./clip-format.js";
import { readContainerClip } from "./ffmpeg-clip.js";
import { readImageClip } from "./sharp-clip.js";

export interface ReadClipOptions {
  /** Frames to read at most, from the first on; default: all. */
  readonly maxFrames?: number;
  /** The longer side is scaled down to this many pixels; default: as it is. */
  readonly maxSize?: number;
  /** The program that reads videos; default `ffmpeg`. */
  readonly ffmpeg?: string;
  readonly signal?: AbortSignal;
}

/**
 * Reads a clip: animated or still GIF, WebP, PNG, JPEG and AVIF directly, other videos through ffmpeg.
 *
 * @throws RangeError for a wrong option.
 * @throws SpaAttnError FileAccess, MalformedFile, Aborted, or Unsupported where ffmpeg is needed and missing.
 */
export async function readClip(path: string, options: ReadClipOptions = {}): Promise<Clip> {
  for (const name of ["maxFrames", "maxSize"] as const) {
    const value = options[name];
    if (value !== undefined && !(Number.isSafeInteger(value) && value > 0))
      throw new RangeError(`${name} must be a positive integer, got ${value}`);
  }
  const format = await clipFormat(path);
  if (format === "image") return readImageClip(path, options);
  return format === "animated-png" ? readAnimatedPng(path, options) : readContainerClip(path, options);
}
