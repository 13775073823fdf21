import { isSpaAttnError, throwIfAborted } from "@spaattn/core";
import { malformed } from "@spaattn/weights";
import { checkWhole } from "../clip/animation.js";
import { type Clip, checkClip, clipFrame } from "../clip/clip.js";
import { checkBytes, checkPixels, frameRate } from "../clip/limits.js";
import type { ReadClipOptions } from "./read-clip.js";
import { loadSharp } from "./sharp.js";

/** Pixels decoded in one go: the limit libvips sets itself, and about a gigabyte while it works. */
const BATCH_PIXELS = 2 ** 28;

/** Reads GIF, WebP, PNG, JPEG or AVIF, animated or not, from its bytes: libvips remembers files by their paths. */
export async function readImageClip(bytes: Uint8Array, path: string, options: ReadClipOptions): Promise<Clip> {
  const sharp = await loadSharp();
  const { maxFrames = Number.POSITIVE_INFINITY, maxSize, signal } = options;
  checkWhole(bytes, path);
  // Our own limits are checked below, with what to do about them.
  const open = (pages: object) => sharp(bytes, { limitInputPixels: false, ...pages });
  try {
    const { pages: total = 1, delay, width: first, height: all, pageHeight = all } = await open({}).metadata();
    checkPixels(path, first, pageHeight);
    const frames = Math.min(total, maxFrames);
    const batch = Math.max(1, Math.floor(BATCH_PIXELS / (first * pageHeight)));
    let size: { width: number; height: number } | undefined;
    let data = new Uint8Array(0);
    for (let done = 0; done < frames; ) {
      throwIfAborted(signal);
      const count = Math.min(batch, frames - done);
      const image = open(total > 1 ? { page: done, pages: count } : {});
      // Photographs say which way is up; animations do not.
      if (total === 1) image.autoOrient();
      image.toColourspace("srgb").flatten({ background: "#000" });
      if (maxSize) image.resize({ width: maxSize, height: maxSize, fit: "inside", withoutEnlargement: true });
      const { data: part, info } = await image.raw().toBuffer({ resolveWithObject: true });
      if (!size) {
        size = { width: info.width, height: info.pageHeight ?? info.height / count };
        checkBytes(path, frames, size.width, size.height);
        data = new Uint8Array(frames * size.width * size.height * 3);
      }
      data.set(part, done * size.width * size.height * 3);
      done += count;
    }
    const clip: Clip = {
      ...(size as { width: number; height: number }),
      frames,
      ...frameRate(delay?.slice(0, frames)),
      ...(total > frames ? { totalFrames: total } : {}),
      data,
    };
    checkClip(clip);
    return clip;
  } catch (cause) {
    if (isSpaAttnError(cause)) throw cause;
    malformed(path, `the picture cannot be decoded (${(cause as Error).message})`, { cause });
  }
}

/** A clip whose longer side is at most `maxSize` pixels. */
export async function shrinkClip(clip: Clip, maxSize: number): Promise<Clip> {
  const { width, height, frames } = clip;
  const scale = maxSize / Math.max(width, height);
  if (scale >= 1) return clip;
  const sharp = await loadSharp();
  const size = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
  const bytes = size.width * size.height * 3;
  const data = new Uint8Array(bytes * frames);
  for (let frame = 0; frame < frames; frame++) {
    const image = sharp(clipFrame(clip, frame), { raw: { width, height, channels: 3 } });
    data.set(
      await image
        .resize({ ...size, fit: "fill" })
        .raw()
        .toBuffer(),
      frame * bytes,
    );
  }
  return { ...clip, ...size, data };
}
