import { deflateSync } from "node:zlib";
import { type PngChunk, pngFile } from "../src/clip/png-chunks.js";

// Tiny pictures made by hand, byte by byte: what a decoder must show is known without another decoder.

const u32 = (...values: number[]) => {
  const bytes = new Uint8Array(4 * values.length);
  for (const [i, value] of values.entries()) new DataView(bytes.buffer).setUint32(4 * i, value);
  return bytes;
};

export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly x?: number;
  readonly y?: number;
  readonly pixels: readonly number[];
  readonly dispose?: 0 | 1 | 2;
  readonly blend?: 0 | 1;
  readonly delay?: readonly [number, number];
}

export interface ApngOptions {
  /** A default image that is no frame. */
  readonly hidden?: readonly number[];
  readonly colour?: 0 | 2 | 3 | 4 | 6;
  readonly depth?: number;
  readonly before?: readonly PngChunk[];
  readonly declared?: number;
}

const CHANNELS = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

export function apng(width: number, height: number, frames: readonly Frame[], options: ApngOptions = {}): Uint8Array {
  const { hidden, colour = 6, depth = 8, before = [], declared = frames.length } = options;
  const rows = (w: number, h: number, pixels: readonly number[]) => {
    const bytes = (w * CHANNELS[colour] * depth) / 8;
    return deflateSync(
      Uint8Array.from(Array.from({ length: h }, (_, y) => [0, ...pixels.slice(y * bytes, (y + 1) * bytes)]).flat()),
    );
  };
  const chunks: PngChunk[] = [
    { type: "IHDR", data: Uint8Array.of(...u32(width, height), depth, colour, 0, 0, 0) },
    ...before,
    { type: "acTL", data: u32(declared, 0) },
  ];
  let sequence = 0;
  if (hidden) chunks.push({ type: "IDAT", data: rows(width, height, hidden) });
  for (const [i, frame] of frames.entries()) {
    const { x = 0, y = 0, dispose = 0, blend = 0, delay: [num, den] = [1, 10] } = frame;
    const place = u32(sequence++, frame.width, frame.height, x, y);
    chunks.push({
      type: "fcTL",
      data: Uint8Array.of(...place, num >> 8, num & 255, den >> 8, den & 255, dispose, blend),
    });
    const data = rows(frame.width, frame.height, frame.pixels);
    chunks.push(
      i === 0 && !hidden ? { type: "IDAT", data } : { type: "fdAT", data: Uint8Array.of(...u32(sequence++), ...data) },
    );
  }
  return pngFile(chunks);
}

/** The codes of LZW that say every pixel by itself: the table is cleared before it grows. */
function lzw(pixels: readonly number[]): number[] {
  const out: number[] = [];
  let [bits, count] = [0, 0];
  const put = (code: number) => {
    bits |= code << count;
    for (count += 3; count >= 8; count -= 8, bits >>>= 8) out.push(bits & 255);
  };
  put(4);
  for (const [i, pixel] of pixels.entries()) {
    put(pixel);
    if (i % 2 === 1) put(4);
  }
  put(5);
  if (count > 0) out.push(bits & 255);
  return [2, out.length, ...out, 0];
}

/** A GIF of whole frames; pixels are 0 black, 1 red, 2 green, 3 blue. `delay` in hundredths of a second. */
export const gif = (width: number, height: number, frames: readonly (readonly number[])[], delay = 10): Uint8Array =>
  Uint8Array.from([
    ...Buffer.from("GIF89a"),
    ...[width, 0, height, 0, 0x81, 0, 0],
    ...[0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255],
    ...frames.flatMap((pixels) => [
      ...[0x21, 0xf9, 4, 4, delay, 0, 0, 0],
      ...[0x2c, 0, 0, 0, 0, width, 0, height, 0, 0],
      ...lzw(pixels),
    ]),
    0x3b,
  ]);

/** One letter per pixel of a clip: R, G, B, 0 for black, else its numbers; frames apart by blanks. */
export function letters(clip: { frames: number; width: number; height: number; data: Uint8Array }): string {
  const size = clip.width * clip.height;
  const letter = (at: number) => {
    const [r, g, b] = clip.data.subarray(3 * at, 3 * at + 3);
    if (r === 255 && g + b === 0) return "R";
    if (g === 255 && r + b === 0) return "G";
    if (b === 255 && r + g === 0) return "B";
    return r + g + b === 0 ? "0" : `(${r},${g},${b})`;
  };
  return Array.from({ length: clip.frames }, (_, f) =>
    Array.from({ length: size }, (_, i) => letter(f * size + i)).join(""),
  ).join(" ");
}
