import { execFile, spawn } from "node:child_process";
import { basename } from "node:path";
import { SpaAttnError, throwIfAborted } from "@spaattn/core";
import { malformed } from "@spaattn/weights";
import { type Clip, checkClip } from "../clip/clip.js";
import { PpmFrames } from "./ppm-frames.js";
import type { ReadClipOptions } from "./read-clip.js";

/** Reads any container ffmpeg knows, where ffmpeg is installed. */
export async function readContainerClip(path: string, options: ReadClipOptions): Promise<Clip> {
  const { maxFrames, maxSize, signal } = options;
  const command = options.ffmpeg ?? "ffmpeg";
  const args = ["-nostdin", "-v", "error", "-i", `file:${path}`, "-an", "-sn"];
  if (maxFrames) args.push("-frames:v", String(maxFrames));
  // The longer side becomes maxSize; nothing is enlarged or stretched.
  if (maxSize)
    args.push("-vf", `scale=w='min(${maxSize},iw)':h='min(${maxSize},ih)':force_original_aspect_ratio=decrease`);
  args.push("-f", "image2pipe", "-c:v", "ppm", "pipe:1");
  throwIfAborted(signal);
  const fps = await frameRate(path, command);
  const frames = new PpmFrames();
  const failure = await runFfmpeg(command, args, frames, signal);
  const { width, height, count, data } = frames.finish();
  if (failure || count === 0)
    malformed(path, `ffmpeg cannot read it as video${failure ? ` (${failure})` : ""}`, {
      remedy: "Give a capture file, an image, or a video that ffmpeg plays.",
    });
  const clip = { width, height, frames: count, data, name: basename(path), ...(fps ? { fps } : {}) };
  checkClip(clip);
  return clip;
}

/** Resolves with what went wrong, undefined when all went well. */
async function runFfmpeg(
  command: string,
  args: readonly string[],
  frames: PpmFrames,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...(signal ? { signal } : {}) });
  let complaint = "";
  child.stderr.on("data", (chunk) => {
    complaint = (complaint + chunk).slice(0, 500);
  });
  const closed = new Promise<number | Error | null>((resolve) => {
    child.on("error", resolve);
    child.on("close", resolve);
  });
  let unreadable: unknown;
  try {
    for await (const chunk of child.stdout) frames.push(chunk);
  } catch (error) {
    unreadable = error;
    child.kill();
  }
  const end = await closed;
  throwIfAborted(signal);
  if (end instanceof Error) throw (end as NodeJS.ErrnoException).code === "ENOENT" ? missing(command, end) : end;
  if (unreadable) return (unreadable as Error).message;
  return end === 0 ? undefined : complaint.trim().split("\n")[0] || `exit code ${end}`;
}

const missing = (command: string, cause: unknown) =>
  new SpaAttnError("Unsupported", `This video needs ffmpeg, and there is no program "${command}" here.`, {
    remedy: "Install ffmpeg (https://ffmpeg.org/download.html), or give a GIF, WebP or PNG instead.",
    cause,
  });

/** Frames per second as ffprobe, which comes with ffmpeg, says; undefined without it. */
function frameRate(path: string, command: string): Promise<number | undefined> {
  const probe = command.replace(/ffmpeg(\.exe)?$/, "ffprobe$1");
  const args = ["-v", "error", "-select_streams", "v:0", "-show_entries", "stream=avg_frame_rate", "-of", "csv=p=0"];
  return new Promise((resolve) => {
    execFile(probe, [...args, `file:${path}`], { timeout: 20_000 }, (error, stdout) => {
      const [frames, seconds] = String(stdout).trim().split("/").map(Number);
      const rate = frames / seconds;
      resolve(!error && Number.isFinite(rate) && rate > 0 ? rate : undefined);
    });
  });
}
