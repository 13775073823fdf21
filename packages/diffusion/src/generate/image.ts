import type { Device, FloatDType } from "@spaattn/core";
import { type ClipVisionConfig, clipVision } from "@spaattn/networks";
import { imageToClip, imageToPlanes } from "../image/preprocess.js";
import type { RgbImage } from "../image/resize.js";
import { Network } from "./network.js";
import type { ImageInput } from "./options.js";
import type { ProgressMeter } from "./progress.js";
import type { WeightStore } from "./weight-store.js";

export interface ClipContext {
  readonly device: Device;
  readonly store: WeightStore;
  readonly config: ClipVisionConfig;
  readonly dtype: FloatDType;
  readonly memoryLimit?: number;
}

/** `[3, height, width]` from -1 to 1 in exactly this size. */
export function planesOf(image: ImageInput, width: number, height: number, name: string): Float32Array {
  if ("data" in image) return imageToPlanes(image, width, height);
  if (image.width !== width || image.height !== height || image.planes.length !== 3 * width * height)
    throw new RangeError(
      `options.${name} must be planes of ${width} x ${height}, got ${image.width} x ${image.height}`,
    );
  return image.planes;
}

function clipPixels(image: ImageInput, size: number): Float32Array {
  if ("data" in image) return imageToClip(image, size);
  return image.clipPixels ?? imageToClip(bytesOf(image.planes, image.width, image.height), size);
}

function bytesOf(planes: Float32Array, width: number, height: number): RgbImage {
  const plane = width * height;
  const data = Uint8Array.from({ length: 3 * plane }, (_, i) => toByte(planes[(i % 3) * plane + Math.floor(i / 3)]));
  return { width, height, data };
}

/** A pixel from -1..1 to a byte. */
export const toByte = (value: number): number => Math.round(255 * Math.min(1, Math.max(0, value / 2 + 0.5)));

/** CLIP's features of one or two images, behind each other: `[rows, width]`. */
export async function imageFeatures(
  context: ClipContext,
  images: readonly ImageInput[],
  meter: ProgressMeter,
  signal?: AbortSignal,
): Promise<{ rows: number; values: Float32Array }> {
  const { device, store, config, dtype, memoryLimit } = context;
  const { imageSize, patch, dim } = config;
  const shape = [images.length, 3, imageSize, imageSize];
  const network = await Network.create(
    device,
    store,
    (g) => g.output("features", clipVision(g, config, g.input("pixels", "f32", shape))),
    { dtype, ...(memoryLimit === undefined ? {} : { memoryLimit }) },
  );
  try {
    const pixels = new Float32Array(shape.reduce((a, b) => a * b, 1));
    for (const [i, image] of images.entries())
      pixels.set(clipPixels(image, imageSize), (i * pixels.length) / images.length);
    await network.set("pixels", shape, pixels);
    const { options, finish } = meter.begin("image", network.flop, signal);
    await network.run(options);
    finish();
    const rows = images.length * (1 + Math.floor(imageSize / patch) ** 2);
    const values = await network.read("features");
    if (values.length !== rows * dim) throw new RangeError(`CLIP gave ${values.length} numbers, not ${rows * dim}`);
    return { rows, values };
  } finally {
    network.dispose();
  }
}
