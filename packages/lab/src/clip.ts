/** A clip in memory; the same shape as `Clip` of `@spaattn/io`. */
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

export interface ClipSize {
  readonly frames: number;
  readonly height: number;
  readonly width: number;
}

/** Throws a RangeError when a clip's size and data disagree. */
export function checkClip(clip: Clip): void {
  const { width, height, frames, data } = clip;
  for (const [name, size] of Object.entries({ width, height, frames }))
    if (!Number.isSafeInteger(size) || size < 1)
      throw new RangeError(`clip.${name} must be a positive integer, got ${size}`);
  if (data.length !== frames * height * width * 3)
    throw new RangeError(
      `clip.data has ${data.length} bytes, but ${frames} frames of ${width}x${height} need ${frames * height * width * 3}`,
    );
}

/**
 * A clip at another size: frames picked at even distances, pixels averaged over the area they cover, the longer side
 * cropped around the centre so that nothing is stretched.
 *
 * Returns `[frames, height, width, 3]` floats between 0 and 255.
 */
export function resample(clip: Clip, size: ClipSize): Float32Array {
  const scale = Math.min(clip.width / size.width, clip.height / size.height);
  const left = (clip.width - size.width * scale) / 2;
  const top = (clip.height - size.height * scale) / 2;
  const columns = coverage(size.width, left, scale, clip.width);
  const rows = coverage(size.height, top, scale, clip.height);
  const out = new Float32Array(size.frames * size.height * size.width * 3);
  let at = 0;
  for (let t = 0; t < size.frames; t++) {
    const frame = Math.min(clip.frames - 1, Math.floor(((t + 0.5) * clip.frames) / size.frames));
    const base = frame * clip.height * clip.width * 3;
    for (const row of rows)
      for (const column of columns) {
        const sum = [0, 0, 0];
        for (const [y, wy] of row)
          for (const [x, wx] of column) {
            const pixel = base + (y * clip.width + x) * 3;
            for (let c = 0; c < 3; c++) sum[c] += clip.data[pixel + c] * wy * wx;
          }
        for (let c = 0; c < 3; c++) out[at++] = sum[c];
      }
  }
  return out;
}

/** For each target cell the source cells it covers, with weights that sum to one. */
function coverage(count: number, start: number, scale: number, limit: number): [number, number][][] {
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = [start + i * scale, start + (i + 1) * scale];
    const cells: [number, number][] = [];
    for (let cell = Math.floor(from); cell < to && cell < limit; cell++) {
      const weight = (Math.min(to, cell + 1) - Math.max(from, cell)) / scale;
      if (weight > 1e-9) cells.push([cell, weight]);
    }
    return cells.length > 0 ? cells : [[Math.min(limit - 1, Math.floor(from)), 1]];
  });
}
