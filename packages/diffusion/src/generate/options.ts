import type { RgbImage } from "../image/resize.js";
import type { Progress } from "./progress.js";
import type { SparseOptions } from "./sparse.js";

/** Features of a text that were made before, `[rows, width]`; zero rows follow up to the model's length. */
export interface TextFeatures {
  readonly rows: number;
  readonly values: Float32Array;
}

/** An image as the networks take it. */
export interface ImagePlanes {
  readonly width: number;
  readonly height: number;
  /** `[3, height, width]` from -1 to 1. */
  readonly planes: Float32Array;
  /** What CLIP sees, normalised `[3, size, size]`; default: made of the planes. */
  readonly clipPixels?: Float32Array;
}

export type ImageInput = RgbImage | ImagePlanes;

export interface StepInfo {
  /** From 1. */
  readonly step: number;
  readonly steps: number;
  readonly timestep: number;
  /** After the step, `[channels, frames, height, width]`; not to be changed. */
  readonly latents: Float32Array;
  /** The model's output with the prompt, and with the negative one where guidance asks for it. */
  readonly output: Float32Array;
  readonly negativeOutput?: Float32Array;
  /** What is sparse, in words; absent where nothing is. */
  readonly sparse?: string;
  /** A small picture of what there is, one pixel per latent: colours from a linear map, fitted to the VAE at first use. */
  preview(frame?: number): Promise<RgbImage>;
}

export interface GenerateOptions {
  readonly prompt: string | TextFeatures;
  /** Default: empty. */
  readonly negativePrompt?: string | TextFeatures;
  /** The video begins with it (image to video). */
  readonly image?: ImageInput;
  /** The video ends with it, where the model can. */
  readonly lastImage?: ImageInput;
  readonly width?: number;
  readonly height?: number;
  readonly frames?: number;
  readonly fps?: number;
  readonly steps?: number;
  /** 1 and below: none, at half the cost. */
  readonly guidance?: number;
  /** Of the transformer for low noise; default: `guidance`. */
  readonly guidance2?: number;
  /** Of the scheduler; default: what its configuration says. */
  readonly shift?: number;
  /** Gives the noise that torch's CPU generator gives; default: a random one, told in the result. */
  readonly seed?: number;
  /** Starting noise in place of a seed, `[channels, latent frames, height, width]`. */
  readonly noise?: Float32Array;
  /** What self-attention leaves out: options per model, true for its defaults. Default false: exact. */
  readonly sparse?: boolean | SparseOptions;
  /** Rows of text the model sees; default: what its tokenizer says, at most 512. */
  readonly textRows?: number;
  /**
   * Whether the VAE decodes in tiles of 256 pixels that fade over each other; pixels differ a little. Default `auto`: where
   * the whole does not fit the memory limit.
   */
  readonly tiling?: boolean | "auto";
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
  /** What it returns is awaited. */
  readonly onStep?: (info: StepInfo) => void | Promise<void>;
}

/** What was made, and with what. */
export interface GeneratedVideo {
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  readonly fps: number;
  /** `[frames, height, width, 3]` RGB bytes. */
  readonly data: Uint8Array;
  /** The last latents, normalised, `[channels, frames, height, width]`. */
  readonly latents: Float32Array;
  /** Absent where the caller gave the noise. */
  readonly seed?: number;
  readonly steps: number;
  readonly guidance: number;
  readonly shift: number | undefined;
  /** What was sparse, in words; absent where nothing was. */
  readonly sparse?: string;
  /** Seconds by stage. */
  readonly seconds: {
    readonly text: number;
    readonly image: number;
    readonly denoise: number;
    readonly decode: number;
  };
}

/** What a model is run with unless the caller says otherwise. */
export interface GenerationDefaults {
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  readonly fps: number;
  readonly steps: number;
  readonly guidance: number;
  readonly guidance2?: number;
  readonly shift?: number;
}

const NAMES: ReadonlySet<string> = new Set<keyof GenerateOptions>([
  ...(["prompt", "negativePrompt", "image", "lastImage", "width", "height", "frames", "fps", "steps"] as const),
  ...([
    "guidance",
    "guidance2",
    "shift",
    "seed",
    "noise",
    "textRows",
    "sparse",
    "tiling",
    "signal",
    "onProgress",
    "onStep",
  ] as const),
]);

/** @throws RangeError or TypeError that names the option */
export function checkOptions(options: GenerateOptions): void {
  for (const name of Object.keys(options))
    if (!NAMES.has(name)) throw new TypeError(`options.${name} is not known; there are ${[...NAMES].join(", ")}`);
  if (options.tiling !== undefined && options.tiling !== "auto" && typeof options.tiling !== "boolean")
    throw new TypeError(`options.tiling must be true, false or "auto", got ${String(options.tiling)}`);
  if (options.sparse !== undefined && typeof options.sparse !== "boolean" && typeof options.sparse !== "object")
    throw new TypeError(`options.sparse must be a boolean or options, got ${typeof options.sparse}`);
  checkText("prompt", options.prompt);
  if (options.negativePrompt !== undefined) checkText("negativePrompt", options.negativePrompt);
  const integers = ["width", "height", "frames", "steps", "seed", "textRows"] as const;
  for (const name of integers) {
    const value = options[name];
    if (value !== undefined && !(Number.isSafeInteger(value) && (value > 0 || name === "seed")))
      throw new RangeError(`options.${name} must be a positive integer, got ${value}`);
  }
  for (const name of ["fps", "shift", "guidance", "guidance2"] as const) {
    const value = options[name];
    if (value !== undefined && !(Number.isFinite(value) && (value > 0 || (value === 0 && name.startsWith("guidance")))))
      throw new RangeError(`options.${name} must be a positive number, got ${value}`);
  }
  if (options.seed !== undefined && options.noise)
    throw new TypeError("options.seed and options.noise exclude each other");
}

function checkText(name: string, text: unknown): void {
  const features = text as TextFeatures | undefined;
  if (typeof text === "string" || (features?.values instanceof Float32Array && Number.isSafeInteger(features.rows)))
    return;
  throw new TypeError(`options.${name} must be a string or features { rows, values }, got ${typeof text}`);
}
