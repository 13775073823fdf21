import type { LatentSize } from "./condition.js";

/**
 * Puts the given first latent frame into latents (Wan 2.2 TI2V): into every model input, and into the result.
 *
 * @param latents [channels, frames, height, width]; not changed
 * @param first [channels, 1, height, width]
 */
export function withFirstFrame(latents: Float32Array, first: Float32Array, size: LatentSize): Float32Array {
  const plane = size.height * size.width;
  const channels = first.length / plane;
  if (latents.length !== channels * size.frames * plane)
    throw new RangeError(`the first frame has ${channels} channels, the latents ${latents.length} numbers`);
  const out = latents.slice();
  for (let channel = 0; channel < channels; channel++)
    out.set(first.subarray(channel * plane, (channel + 1) * plane), channel * size.frames * plane);
  return out;
}

/**
 * Time steps of the tokens, frame by frame: 0 where the frame is given.
 *
 * @param tokensPerFrame tokens, not latents
 */
export function tokenTimesteps(
  timestep: number,
  frames: number,
  tokensPerFrame: number,
  firstGiven: boolean,
): Float32Array {
  const out = new Float32Array(frames * tokensPerFrame).fill(timestep);
  if (firstGiven) out.fill(0, 0, tokensPerFrame);
  return out;
}
