import type { GenerateOptions, RgbImage } from "@spaattn/diffusion";
import { readClip } from "@spaattn/io/node";
import type { GenerateFlags } from "../commands/generate.js";
import { UsageError } from "../errors.js";

/** Refuses options that would do nothing beside the others, and a prompt that says nothing. */
export function checkFlags(prompt: string, flags: GenerateFlags): void {
  if (prompt.trim() === "") throw new UsageError("The prompt is empty.", "Say what the video is to show.");
  if (flags.sparse === "off" && flags.dropRate !== undefined)
    throw new UsageError("--drop-rate and --sparse off exclude each other: every block is computed.");
  if (flags.negative !== undefined && flags.guidance !== undefined && flags.guidance <= 1)
    throw new UsageError(`--negative does nothing with --guidance ${flags.guidance}.`, "Give a guidance above 1.");
  if (flags.lastImage !== undefined && flags.image === undefined) throw new UsageError("--last-image needs --image.");
}

/** What the command line says, as options of a pipeline; pictures are read. */
export async function settingsOf(prompt: string, flags: GenerateFlags, signal: AbortSignal): Promise<GenerateOptions> {
  const { negative, image, lastImage, frames, width, height, fps, steps, guidance, seed, sparse, dropRate } = flags;
  const given = { frames, width, height, fps, steps, guidance, seed };
  return {
    prompt,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    ...(negative === undefined ? {} : { negativePrompt: negative }),
    ...(image === undefined ? {} : { image: await readPicture(image, signal) }),
    ...(lastImage === undefined ? {} : { lastImage: await readPicture(lastImage, signal) }),
    sparse: sparse === "off" ? false : { rectify: sparse, ...(dropRate === undefined ? {} : { dropRate }) },
    signal,
  };
}

async function readPicture(path: string, signal: AbortSignal): Promise<RgbImage> {
  const { width, height, data } = await readClip(path, { maxFrames: 1, signal });
  return { width, height, data };
}

const OPTIONS: Readonly<Record<string, string>> = { lastImage: "--last-image", negativePrompt: "--negative" };

/** The library names its options; here they are those of the command line. */
export function inOptions(error: unknown): unknown {
  if (!(error instanceof TypeError || error instanceof RangeError)) return error;
  const text = error.message.replace(/\boptions\.(\w+)/g, (_, name: string) => OPTIONS[name] ?? `--${name}`);
  if (text !== error.message) return new UsageError(text);
  return /^(width|height|frames) must be /.test(text) ? new UsageError(`--${text}.`) : error;
}
