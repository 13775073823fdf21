import { SpaAttnError } from "@spaattn/core";

// One place decides how large a clip may be and how fast it runs, whoever decodes it.

/** Pixels of one frame: 16384 x 16384. */
const MOST_PIXELS = 2 ** 28;

/** Bytes of a clip in memory: what one typed array can hold. */
const MOST_BYTES = 2 ** 32 - 1;

/** @throws SpaAttnError Unsupported for a frame that is too large to decode. */
export function checkPixels(what: string, width: number, height: number): void {
  if (width * height <= MOST_PIXELS) return;
  throw new SpaAttnError("Unsupported", `${what}: ${width}x${height} pixels are more than can be read (2^28).`, {
    remedy: "Scale it down with another program first.",
  });
}

/** @throws SpaAttnError Unsupported for a clip that does not fit in memory. */
export function checkBytes(what: string, frames: number, width: number, height: number): void {
  if (frames * width * height * 3 <= MOST_BYTES) return;
  throw new SpaAttnError("Unsupported", `${what}: ${frames} frames of ${width}x${height} do not fit in memory.`, {
    remedy: "Read fewer frames (maxFrames) or smaller ones (maxSize).",
  });
}

/** Shortest delay in milliseconds that players keep to; they show shorter ones as `SLOW_DELAY`. */
const LEAST_DELAY = 11;
const SLOW_DELAY = 100;

/** Frames per second of frames shown for these milliseconds each, as players show them; none for a still picture. */
export function frameRate(delays: readonly number[] | undefined): { fps?: number } {
  if (!delays || delays.length < 2) return {};
  const mean = delays.reduce((sum, ms) => sum + (ms < LEAST_DELAY ? SLOW_DELAY : ms), 0) / delays.length;
  return { fps: 1000 / mean };
}
