import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { SpaAttnError } from "@spaattn/core";
import { malformed } from "@spaattn/weights";
import { convertIndexedToRgb, decodeApng } from "fast-png";
import { type Clip, checkClip } from "../clip/clip.js";
import type { ReadClipOptions } from "./read-clip.js";
import { shrinkClip } from "./sharp-clip.js";

/** Reads an animated PNG, which libvips (and so sharp) sees the first frame of. */
export async function readAnimatedPng(path: string, options: ReadClipOptions): Promise<Clip> {
  const bytes = await readFile(path);
  try {
    const png = decodeApng(bytes, { checkCrc: true });
    const frames = png.frames.slice(0, options.maxFrames);
    const size = png.width * png.height * 3;
    const data = new Uint8Array(frames.length * size);
    frames.forEach((frame, i) => {
      const indexed = png.palette !== undefined;
      const pixels = indexed ? convertIndexedToRgb({ ...png, data: frame.data }) : frame.data;
      const channels = indexed ? png.palette![0].length : png.channels;
      copyRgb(pixels, channels, png.depth, data.subarray(i * size, (i + 1) * size));
    });
    const seconds = frames.reduce((sum, f) => sum + f.delayNumber / (f.delayDenominator || 100), 0);
    const fps = seconds > 0 ? { fps: frames.length / seconds } : {};
    const clip = { width: png.width, height: png.height, frames: frames.length, ...fps, data, name: basename(path) };
    checkClip(clip);
    return options.maxSize ? await shrinkClip(clip, options.maxSize) : clip;
  } catch (cause) {
    if (cause instanceof SpaAttnError) throw cause;
    malformed(path, `the animated PNG cannot be decoded (${(cause as Error).message})`, { cause });
  }
}

/** Grey, grey-alpha, RGB or RGBA of 8 or 16 bits as RGB bytes over black. */
function copyRgb(pixels: ArrayLike<number>, channels: number, depth: number, out: Uint8Array): void {
  const most = 2 ** depth - 1;
  const colour = channels >= 3;
  const alpha = channels % 2 === 0 ? channels - 1 : -1;
  for (let pixel = 0; pixel < out.length / 3; pixel++) {
    const at = pixel * channels;
    const opacity = alpha < 0 ? 255 / most : (pixels[at + alpha] * 255) / most ** 2;
    for (let c = 0; c < 3; c++) out[3 * pixel + c] = Math.round(pixels[at + (colour ? c : 0)] * opacity);
  }
}
