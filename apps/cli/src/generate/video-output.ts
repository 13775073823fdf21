import { extname } from "node:path";
import type { Clip } from "@spaattn/io";
import { checkFfmpeg, writeClip, writeVideo } from "@spaattn/io/node";
import { UsageError } from "../errors.js";
import { checkOutput } from "../output.js";
import { checkPictureFolder, isFolder, writeFrames } from "./frame-folder.js";

export interface VideoRequest {
  readonly out: string;
  readonly force: boolean;
  /** Files that are read. */
  readonly inputs: readonly string[];
}

/** Where a video goes, checked before it is made. */
export interface VideoOutput {
  /** @throws SpaAttnError FileAccess, Unsupported or Aborted; nothing is left half-written. */
  write(
    clip: Clip,
    options: { readonly metadata: Readonly<Record<string, string>>; readonly signal: AbortSignal },
  ): Promise<void>;
}

/** @throws UsageError for a name that says nothing we write; SpaAttnError FileAccess or Unsupported (no ffmpeg) */
export async function videoOutput({ out, force, inputs }: VideoRequest): Promise<VideoOutput> {
  if (/[\\/]$/.test(out) || (await isFolder(out))) {
    await checkPictureFolder(out, "frame", force);
    return { write: (clip, { signal }) => writeFrames(out, clip, signal) };
  }
  const extension = extname(out).toLowerCase();
  const animation = extension === ".gif" || extension === ".webp";
  if (!animation && extension !== ".mp4" && extension !== ".webm")
    throw new UsageError(
      `--out ${out}: a video is not written as ${extension || "a file without an extension"}.`,
      "Name a .gif, .webp, .mp4 or .webm file, or a folder (ending with /) for PNG frames.",
    );
  await checkOutput({ output: out, force, inputs, option: "--out" });
  if (animation) return { write: (clip) => writeClip(out, clip, { force }) };
  await checkFfmpeg();
  return { write: (clip, options) => writeVideo(out, clip, { ...options, force }) };
}
