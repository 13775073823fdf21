/** Sizes of one video's latents. */
export interface LatentSize {
  readonly frames: number;
  readonly height: number;
  readonly width: number;
}

/**
 * The video an image-to-video model is shown: the given frames, grey (0) between.
 *
 * @param first planes [3, height, width] from -1 to 1
 * @param last the last frame, for models that take one
 * @param frames pixel frames
 * @returns [3, frames, height, width], to be encoded whole: grey frames are real frames
 */
export function conditionVideo(first: Float32Array, frames: number, last?: Float32Array): Float32Array {
  if (last && last.length !== first.length)
    throw new RangeError(`the last frame has ${last.length} numbers, the first ${first.length}`);
  const plane = first.length / 3;
  const video = new Float32Array(3 * frames * plane);
  for (let channel = 0; channel < 3; channel++) {
    const part = (image: Float32Array) => image.subarray(channel * plane, (channel + 1) * plane);
    video.set(part(first), channel * frames * plane);
    if (last) video.set(part(last), (channel * frames + frames - 1) * plane);
  }
  return video;
}

/**
 * Which pixel frames are given, in four channels per latent frame: [4, frames, height, width] of zeros and ones.
 *
 * The first pixel frame fills all four channels of its latent frame, because it has one for itself.
 */
export function conditionMask({ frames, height, width }: LatentSize, last: boolean): Float32Array {
  const plane = height * width;
  const mask = new Float32Array(4 * frames * plane);
  for (let channel = 0; channel < 4; channel++) mask.fill(1, channel * frames * plane, (channel * frames + 1) * plane);
  if (last) mask.fill(1, (4 * frames - 1) * plane);
  return mask;
}

/** Mask and encoded, normalised video as the channels the model gets behind the noisy ones. */
export function conditionChannels(size: LatentSize, latents: Float32Array, last = false): Float32Array {
  const mask = conditionMask(size, last);
  if (latents.length % (mask.length / 4) !== 0)
    throw new RangeError(
      `${latents.length} numbers are not latents of ${size.frames} x ${size.height} x ${size.width}`,
    );
  return concatChannels(mask, latents);
}

/** Tensors `[channels, ...]` of one size, one behind the other. */
export function concatChannels(...parts: Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
