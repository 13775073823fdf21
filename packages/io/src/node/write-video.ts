import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { checkFields, describeValue, SpaAttnError, throwIfAborted } from "@spaattn/core";
import { type WriteOptions, writeFileWhole } from "@spaattn/weights/node";
import { type Clip, checkClip } from "../clip/clip.js";

export interface WriteVideoOptions extends WriteOptions {
  /** Default: the clip's own, or 16. */
  readonly fps?: number;
  /** Said in the file, such as `title` or `comment`. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** The program that encodes; default `ffmpeg`. */
  readonly ffmpeg?: string;
  readonly signal?: AbortSignal;
}

/** Players want halves of width and height for colours: an odd column or row is repeated, before colours are halved. */
const evenSize = (width: number, height: number): string[] => {
  const [right, bottom] = [width % 2, height % 2];
  if (right + bottom === 0) return [];
  return [
    "-vf",
    `format=gbrp,pad=${width + right}:${height + bottom},fillborders=right=${right}:bottom=${bottom}:mode=smear`,
  ];
};

/** What ffmpeg is told for each container. */
const ENCODERS: Readonly<Record<string, readonly string[]>> = {
  ".mp4": ["-c:v", "libx264", "-crf", "12", "-preset", "slow", "-movflags", "+faststart", "-f", "mp4"],
  ".webm": ["-c:v", "libvpx-vp9", "-crf", "16", "-b:v", "0", "-row-mt", "1", "-f", "webm"],
};

/**
 * Says in good time whether there is a program that encodes videos.
 *
 * @throws SpaAttnError Unsupported
 */
export function checkFfmpeg(command = "ffmpeg"): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(command, ["-version"], { timeout: 20_000 }, (error) =>
      error ? reject(missing(command, error)) : resolve(),
    );
  });
}

/**
 * Writes an `.mp4` (H.264) or `.webm` (VP9) through ffmpeg; the file appears when it is complete.
 *
 * @throws RangeError for another extension or a clip whose size and data disagree.
 * @throws SpaAttnError FileAccess, also when the file exists and `force` is not set; Aborted; Unsupported where ffmpeg
 * is missing or cannot encode this.
 */
export async function writeVideo(path: string, clip: Clip, options: WriteVideoOptions = {}): Promise<void> {
  checkFields("options", options, ["fps", "metadata", "ffmpeg", "signal", "force"]);
  checkClip(clip);
  const { fps = clip.fps ?? 16, metadata = {}, ffmpeg = "ffmpeg", signal, force = false } = options;
  if (typeof fps !== "number" || !(fps > 0 && fps <= 1000))
    throw new RangeError(`options.fps must be above 0 and at most 1000, got ${describeValue(fps)}`);
  const encoder = ENCODERS[extname(path).toLowerCase()];
  if (!encoder) throw new RangeError(`a video is written as .mp4 or .webm, not "${extname(path)}"`);
  throwIfAborted(signal);
  // Containers are not written from front to back; what ffmpeg makes is copied when it is whole.
  const temporary = join(tmpdir(), `spaattn-${randomBytes(8).toString("hex")}${extname(path).toLowerCase()}`);
  const { width, height } = clip;
  const said = Object.entries(metadata).flatMap(([name, value]) => ["-metadata", `${name}=${value}`]);
  const input = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", `${width}x${height}`, "-r", String(fps), "-i", "pipe:0"];
  const args = [
    "-v",
    "error",
    "-y",
    ...input,
    ...evenSize(width, height),
    "-pix_fmt",
    "yuv420p",
    ...said,
    ...encoder,
    `file:${temporary}`,
  ];
  try {
    await encode(ffmpeg, args, clip.data, path, signal);
    await writeFileWhole(path, createReadStream(temporary), { force });
  } finally {
    await unlink(temporary).catch(() => {});
  }
}

async function encode(
  command: string,
  args: readonly string[],
  data: Uint8Array,
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const child = spawn(command, args, { stdio: ["pipe", "ignore", "pipe"], ...(signal ? { signal } : {}) });
  let complaint = "";
  child.stderr.on("data", (chunk) => {
    complaint = (complaint + chunk).slice(0, 500);
  });
  // A program that stops early says why on its own; the broken pipe adds nothing.
  child.stdin.on("error", () => {});
  child.stdin.end(data);
  const end = await new Promise<number | Error | null>((resolve) => {
    let failure: Error | undefined;
    child.on("error", (error: NodeJS.ErrnoException) => {
      failure = error;
      // There will be no end where there was no beginning.
      if (child.pid === undefined) resolve(error);
    });
    child.on("close", (code) => resolve(failure ?? code));
  });
  throwIfAborted(signal);
  if (end instanceof Error) throw missing(command, end);
  if (end === 0) return;
  const reason = complaint.trim().split("\n")[0] || `exit code ${end}`;
  throw new SpaAttnError("Unsupported", `${path}: ffmpeg could not encode it (${reason}).`, {
    remedy: "Write a .gif or .webp, which needs no ffmpeg, or install a complete ffmpeg.",
  });
}

const missing = (command: string, cause: unknown) =>
  new SpaAttnError("Unsupported", `MP4 and WebM need ffmpeg, and the program "${command}" cannot be run here.`, {
    remedy: "Install ffmpeg (https://ffmpeg.org/download.html), or write a .gif, a .webp or a folder of PNG frames.",
    cause,
  });
