import { execFile, spawn } from "node:child_process";
import { isSpaAttnError, SpaAttnError, throwIfAborted } from "@spaattn/core";
import { malformed } from "@spaattn/weights";
import { type Clip, checkClip } from "../clip/clip.js";
import { PpmFrames } from "./ppm-frames.js";
import type { ReadClipOptions } from "./read-clip.js";

/** Reads any container ffmpeg knows, where ffmpeg is installed. */
export async function readContainerClip(path: string, options: ReadClipOptions): Promise<Clip> {
  const { maxFrames, maxSize, signal } = options;
  const command = options.ffmpeg ?? "ffmpeg";
  const args = ["-nostdin", "-v", "error", "-i", `file:${path}`, "-an", "-sn"];
  // One more than is wanted tells whether there are more.
  if (maxFrames) args.push("-frames:v", String(maxFrames + 1));
  // The longer side becomes maxSize; nothing is enlarged or stretched.
  if (maxSize)
    args.push("-vf", `scale=w='min(${maxSize},iw)':h='min(${maxSize},ih)':force_original_aspect_ratio=decrease`);
  args.push("-f", "image2pipe", "-c:v", "ppm", "pipe:1");
  throwIfAborted(signal);
  const facts = await videoFacts(path, command);
  const frames = new PpmFrames(path, maxFrames);
  const { failure, complaint } = await runFfmpeg(command, args, frames, signal);
  const { width, height, count, data } = frames.finish();
  if (failure || count === 0)
    malformed(path, `ffmpeg cannot read it as video${failure ? ` (${failure})` : ""}`, {
      remedy: "Give a capture file, an image, or a video that ffmpeg plays.",
    });
  const clip: Clip = {
    width,
    height,
    frames: count,
    ...(facts.fps ? { fps: facts.fps } : {}),
    ...(frames.more ? { totalFrames: Math.max(count + 1, facts.frames ?? 0) } : {}),
    // A file that is cut off plays up to there, and ffmpeg says so with success.
    ...(complaint ? { notes: [`ffmpeg: ${complaint}`] } : {}),
    data,
  };
  checkClip(clip);
  return clip;
}

/** What went wrong, where anything did, and what ffmpeg complained about though it went on. */
async function runFfmpeg(
  command: string,
  args: readonly string[],
  frames: PpmFrames,
  signal: AbortSignal | undefined,
): Promise<{ failure?: string; complaint?: string }> {
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
  if (isSpaAttnError(unreadable)) throw unreadable;
  if (unreadable) return { failure: (unreadable as Error).message };
  const [first] = complaint.trim().split("\n");
  if (end !== 0) return { failure: first || `exit code ${end}` };
  return first ? { complaint: first } : {};
}

const missing = (command: string, cause: unknown) =>
  new SpaAttnError("Unsupported", `This video needs ffmpeg, and there is no program "${command}" here.`, {
    remedy: "Install ffmpeg (https://ffmpeg.org/download.html), or give a GIF, WebP or PNG instead.",
    cause,
  });

/** Frames per second, and frames in all, as ffprobe, which comes with ffmpeg, says; nothing without it. */
function videoFacts(path: string, command: string): Promise<{ fps?: number; frames?: number }> {
  const probe = command.replace(/ffmpeg(\.exe)?$/, "ffprobe$1");
  const entries = "stream=avg_frame_rate,nb_frames:format=duration";
  const args = ["-v", "error", "-select_streams", "v:0", "-show_entries", entries, "-of", "json"];
  return new Promise((resolve) => {
    execFile(probe, [...args, `file:${path}`], { timeout: 20_000 }, (error, stdout) => {
      if (error) return resolve({});
      try {
        const { streams: [stream = {}] = [], format = {} } = JSON.parse(stdout);
        const [count, seconds] = String(stream.avg_frame_rate).split("/").map(Number);
        const fps = count / seconds;
        const known = Number.isFinite(fps) && fps > 0;
        // Some containers do not count their frames.
        const frames = Number(stream.nb_frames) || (known ? Math.round(Number(format.duration) * fps) : 0);
        resolve({ ...(known ? { fps } : {}), ...(frames > 0 ? { frames } : {}) });
      } catch {
        resolve({});
      }
    });
  });
}
