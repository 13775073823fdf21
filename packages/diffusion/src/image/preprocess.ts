import { checkImage, type RgbImage, resize } from "./resize.js";

const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073];
const CLIP_DEVIATION = [0.26862954, 0.26130258, 0.27577711];

/**
 * An image as the VAE takes it: resized to exactly this size (Lanczos), planes [3, height, width] from -1 to 1.
 *
 * @throws RangeError for a wrong size
 */
export function imageToPlanes(image: RgbImage, width: number, height: number): Float32Array {
  return planes(resize(image, width, height, "lanczos"), (byte) => 2 * Math.fround(byte / 255) - 1);
}

/**
 * An image as CLIP's vision model takes it: the shorter side resized to `size` (bicubic), the middle cut out, planes
 * [3, size, size] with mean and deviation of CLIP's training images.
 *
 * @throws RangeError for a wrong size
 */
export function imageToClip(image: RgbImage, size = 224): Float32Array {
  checkImage(image);
  const short = Math.min(image.width, image.height);
  const scaled = (side: number) => (side === short ? size : Math.trunc((size * side) / short));
  const square = crop(resize(image, scaled(image.width), scaled(image.height), "bicubic", "torchvision"), size);
  return planes(square, (byte, channel) => (byte / 255 - CLIP_MEAN[channel]) / CLIP_DEVIATION[channel]);
}

function crop(image: RgbImage, size: number): RgbImage {
  const left = (image.width - size) >> 1;
  const top = (image.height - size) >> 1;
  const data = new Uint8Array(size * size * 3);
  for (let y = 0; y < size; y++) {
    const from = ((top + y) * image.width + left) * 3;
    data.set(image.data.subarray(from, from + size * 3), y * size * 3);
  }
  return { width: size, height: size, data };
}

function planes({ width, height, data }: RgbImage, value: (byte: number, channel: number) => number): Float32Array {
  const plane = width * height;
  const out = new Float32Array(3 * plane);
  for (let channel = 0; channel < 3; channel++)
    for (let i = 0; i < plane; i++) out[channel * plane + i] = value(data[i * 3 + channel], channel);
  return out;
}
