import { binaryKind, describeValue } from "@spaattn/core";

/** A video in memory; an image is a clip of one frame. */
export interface Clip {
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  /** Frames per second, where known. */
  readonly fps?: number;
  /** `[frames, height, width, 3]` RGB bytes. */
  readonly data: Uint8Array;
  readonly name?: string;
  /** Frames of the file, where that is more than were read. */
  readonly totalFrames?: number;
  /** What went wrong without making the clip unreadable, for people. */
  readonly notes?: readonly string[];
}

/** @throws RangeError when the size and the data disagree. */
export function checkClip({ width, height, frames, data }: Clip): void {
  for (const [name, size] of Object.entries({ width, height, frames }))
    if (!Number.isSafeInteger(size) || size < 1)
      throw new RangeError(`clip.${name} must be a positive integer, got ${describeValue(size)}`);
  if (!/^Uint8(Clamped)?Array$/.test(binaryKind(data) ?? ""))
    throw new TypeError(`clip.data must be a Uint8Array, got ${describeValue(data)}`);
  const bytes = frames * height * width * 3;
  if (data.length !== bytes)
    throw new RangeError(
      `clip.data has ${data.length} bytes, but ${frames} frames of ${width}x${height} need ${bytes}`,
    );
}

/** One frame, `[height, width, 3]` bytes that share the clip's memory. */
export function clipFrame(clip: Clip, frame: number): Uint8Array {
  checkClip(clip);
  if (!Number.isInteger(frame) || frame < 0 || frame >= clip.frames)
    throw new RangeError(`frame must be between 0 and ${clip.frames - 1}, got ${frame}`);
  const bytes = clip.width * clip.height * 3;
  return clip.data.subarray(frame * bytes, (frame + 1) * bytes);
}
