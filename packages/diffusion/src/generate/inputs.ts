import { conditionChannels, conditionVideo, type LatentSize } from "../wan/condition.js";
import type { Components } from "./components.js";
import { imageFeatures, planesOf } from "./image.js";
import type { GenerateOptions, TextFeatures } from "./options.js";
import type { ProgressMeter } from "./progress.js";
import { encodeText } from "./text.js";
import { VaeEncoder } from "./vae-encoder.js";

/** How a model takes an image: not at all, as channels beside the noisy ones, or as the first latent frame. */
export type ImageMode = "none" | "channels" | "first-frame";

export function imageMode({ transformer, expandsTimesteps }: Components): ImageMode {
  if (transformer.inChannels > transformer.outChannels) return "channels";
  return expandsTimesteps ? "first-frame" : "none";
}

/** @throws TypeError where an image is missing or not wanted */
export function checkImages(components: Components, { image, lastImage }: GenerateOptions): void {
  const mode = imageMode(components);
  if (mode === "none" && image) throw new TypeError("options.image: this model makes videos from text alone");
  if (mode === "channels" && !image) throw new TypeError("options.image is missing: this model begins with an image");
  if (lastImage && !image) throw new TypeError("options.lastImage needs options.image");
  if (lastImage && mode !== "channels") throw new TypeError("options.lastImage: this model takes no last image");
  if (!lastImage && components.transformer.imagePositions !== undefined)
    throw new TypeError("options.lastImage is missing: this model goes from a first to a last image");
}

/** What the images become. */
export interface ImageConditions {
  /** Channels behind the noisy ones (mode `channels`). */
  readonly channels?: Float32Array;
  /** The first latent frame (mode `first-frame`). */
  readonly first?: Float32Array;
  /** CLIP's features. */
  readonly features?: { readonly rows: number; readonly values: Float32Array };
}

/** The work that `prepareImages` will be, in floating-point operations, the features left out. */
export async function imageFlop(components: Components, options: GenerateOptions, size: LatentSize): Promise<number> {
  if (!options.image) return 0;
  return new VaeEncoder(await components.decoder(), encodedSize(components, size)).flop;
}

const encodedSize = (components: Components, size: LatentSize): LatentSize =>
  imageMode(components) === "channels" ? size : { ...size, frames: 1 };

export async function prepareImages(
  components: Components,
  options: GenerateOptions,
  size: LatentSize,
  meter: ProgressMeter,
): Promise<ImageConditions> {
  const { image, lastImage, signal } = options;
  if (!image) return {};
  const { vae, transformer } = components;
  const [width, height] = [size.width * vae.spatialFactor, size.height * vae.spatialFactor];
  const first = planesOf(image, width, height, "image");
  const last = lastImage && planesOf(lastImage, width, height, "lastImage");
  const features = transformer.imageDim === undefined ? undefined : await clipFeatures(components, options, meter);
  const encoder = new VaeEncoder(await components.decoder(), encodedSize(components, size));
  try {
    if (imageMode(components) === "first-frame") return { first: await encoder.encode(first, meter, "image", signal) };
    const frames = 1 + (size.frames - 1) * vae.temporalFactor;
    const latents = await encoder.encode(conditionVideo(first, frames, last), meter, "image", signal);
    return { channels: conditionChannels(size, latents, last !== undefined), ...(features && { features }) };
  } finally {
    encoder.dispose();
    await components.release("vae");
  }
}

async function clipFeatures(
  components: Components,
  { image, lastImage, signal }: GenerateOptions,
  meter: ProgressMeter,
) {
  const images = [image, components.transformer.imagePositions === undefined ? undefined : lastImage];
  const features = await imageFeatures(
    await components.clip(),
    images.filter((one) => one !== undefined),
    meter,
    signal,
  );
  await components.release("image_encoder");
  return features;
}

/** The features of a prompt: given, or encoded. */
export async function textFeatures(
  components: Components,
  text: string | TextFeatures,
  rows: number,
  meter: ProgressMeter,
  signal: AbortSignal | undefined,
): Promise<TextFeatures> {
  if (typeof text !== "string") return text;
  return encodeText(await components.text(), text, rows, meter, signal);
}
