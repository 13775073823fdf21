import { open } from "node:fs/promises";
import { basename } from "node:path";
import { checkFields, checkSignal, describeValue, SpaAttnError } from "@spaattn/core";
import { fileError } from "@spaattn/weights/node";
import { isGif, isWebp } from "../clip/animation.js";
import { parseApng } from "../clip/apng.js";
import type { Clip } from "../clip/clip.js";
import { isPng } from "../clip/png-chunks.js";
import { readAnimatedPng } from "./animated-png.js";
import { readContainerClip } from "./ffmpeg-clip.js";
import { readImageClip } from "./image-clip.js";

export interface ReadClipOptions {
  /** Frames to read at most, from the first on; default: all. `totalFrames` of the clip says what was left. */
  readonly maxFrames?: number;
  /** The longer side is scaled down to this many pixels; default: as it is. */
  readonly maxSize?: number;
  /** The program that reads videos; default `ffmpeg`. */
  readonly ffmpeg?: string;
  readonly signal?: AbortSignal;
}

/**
 * Reads a clip: animated or still GIF, WebP, PNG, JPEG and AVIF directly, other videos through ffmpeg.
 *
 * @throws RangeError for a wrong option.
 * @throws SpaAttnError FileAccess, MalformedFile (also for an animation that is cut off), Aborted, or Unsupported for
 * what is too large and where ffmpeg is needed and missing.
 */
export async function readClip(path: string, options: ReadClipOptions = {}): Promise<Clip> {
  checkFields("options", options, ["maxFrames", "maxSize", "ffmpeg", "signal"]);
  checkSignal("options.signal", options.signal);
  for (const name of ["maxFrames", "maxSize"] as const) {
    const value = options[name];
    if (value !== undefined && !(Number.isSafeInteger(value) && value > 0))
      throw new RangeError(`options.${name} must be a positive integer, got ${describeValue(value)}`);
  }
  const bytes = await pictureBytes(path);
  const name = basename(path);
  if (!bytes) return { ...(await readContainerClip(path, options)), name };
  const apng = isPng(bytes) ? parseApng(bytes, path) : undefined;
  return { ...(await (apng ? readAnimatedPng(apng, path, options) : readImageClip(bytes, path, options))), name };
}

/** Longest picture file that is read at once. */
const MOST_BYTES = 2 ** 31 - 1;

/** The bytes of a file that begins as a picture does, whatever its name; undefined for any other. */
async function pictureBytes(path: string): Promise<Uint8Array | undefined> {
  try {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      const head = new Uint8Array(16);
      await file.read(head, 0, head.length, 0);
      if (!isPicture(head)) return undefined;
      if (size > MOST_BYTES)
        throw new SpaAttnError("Unsupported", `${path}: a picture of ${size} bytes is more than can be read.`, {
          remedy: "Make a video of it, or split it.",
        });
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw cause instanceof SpaAttnError ? cause : fileError(path, cause);
  }
}

const ascii = (bytes: Uint8Array, at: number, length: number) =>
  String.fromCharCode(...bytes.subarray(at, at + length));

const isPicture = (head: Uint8Array): boolean =>
  isPng(head) ||
  isGif(head) ||
  isWebp(head) ||
  ascii(head, 0, 3) === "\xff\xd8\xff" ||
  ascii(head, 4, 8) === "ftypavif";
