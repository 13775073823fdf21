import { extname } from "node:path";
import { checkFields, describeValue } from "@spaattn/core";
import { type WriteOptions, writeFileWhole } from "@spaattn/weights/node";
import { type Clip, checkClip, clipFrame } from "../clip/clip.js";
import { unmergeGif, unmergeWebp } from "../clip/unmerge.js";
import { loadSharp } from "./sharp.js";

export interface WriteClipOptions extends WriteOptions {
  /** Default: the clip's own, or 16. */
  readonly fps?: number;
  /** WebP only, 1 to 100; default: lossless. */
  readonly quality?: number;
}

/** Of each format: the unit of its delays in milliseconds, the shortest players keep to and the longest it can hold. */
const FORMATS = {
  ".gif": { unit: 10, least: 20, most: 655_350, side: 65_535 },
  ".webp": { unit: 1, least: 11, most: 65_535, side: 16_383 },
} as const;

/** libvips puts frames below each other, in a picture of at most this many rows. */
const MOST_ROWS = 10_000_000;

/**
 * Writes an animated `.gif` or `.webp`; equal neighbours stay frames of their own.
 *
 * @throws RangeError for another extension, a rate the format cannot hold, or a clip whose size and data disagree.
 * @throws SpaAttnError FileAccess, also when the file exists and `force` is not set.
 */
export async function writeClip(path: string, clip: Clip, options: WriteClipOptions = {}): Promise<void> {
  checkFields("options", options, ["fps", "quality", "force"]);
  checkClip(clip);
  const { width, height, frames, data } = clip;
  const extension = extname(path).toLowerCase();
  if (extension !== ".gif" && extension !== ".webp")
    throw new RangeError(`a clip is written as .gif or .webp, not "${extension}"`);
  const { side } = FORMATS[extension];
  if (width > side || height > side || height * frames > MOST_ROWS)
    throw new RangeError(`${frames} frames of ${width}x${height} are more than a ${extension} file can hold`);
  const { quality } = options;
  if (quality !== undefined && !(Number.isInteger(quality) && quality >= 1 && quality <= 100))
    throw new RangeError(`options.quality must be an integer from 1 to 100, got ${describeValue(quality)}`);
  const delay = delays(
    extension,
    frames,
    options.fps === undefined ? "clip.fps" : "options.fps",
    options.fps ?? clip.fps ?? 16,
  );
  const sharp = await loadSharp();
  const raw = { width, height: height * frames, channels: 3 as const, pageHeight: height };
  const image = sharp(data, { raw, limitInputPixels: false });
  // The encoders drop frames that equal the one before and show that one longer; they are put back.
  const encoded =
    extension === ".gif"
      ? unmergeGif(await image.gif({ delay, loop: 0, effort: 10 }).toBuffer(), delay)
      : await unmergeWebp(
          await image
            .webp({ delay, loop: 0, effort: 6, ...(quality === undefined ? { lossless: true } : { quality }) })
            .toBuffer(),
          delay,
          (frame) => corner(clipFrame(clip, frame)),
        );
  await writeFileWhole(path, [encoded], { force: options.force ?? false });
}

/** Milliseconds of every frame, in the units of the format, such that the clip as a whole keeps its rate. */
function delays(format: keyof typeof FORMATS, frames: number, name: string, fps: number): number[] {
  const { unit, least, most } = FORMATS[format];
  const exact = 1000 / fps;
  if (typeof fps !== "number" || !(exact >= 0.99 * least && exact <= most))
    throw new RangeError(
      `${name} must be between ${Number((1000 / most).toPrecision(2))} and ${Math.floor(1000 / least)} ` +
        `in a ${format} file, got ${describeValue(fps)}`,
    );
  const end = (frame: number) => Math.round((frame * exact) / unit);
  return Array.from({ length: frames }, (_, i) => Math.max(least, (end(i + 1) - end(i)) * unit));
}

/** A WebP file of the first pixel of a frame. */
async function corner(pixels: Uint8Array): Promise<Uint8Array> {
  const sharp = await loadSharp();
  return sharp(pixels.slice(0, 3), { raw: { width: 1, height: 1, channels: 3 } })
    .webp({ lossless: true })
    .toBuffer();
}
