import { malformed } from "@spaattn/weights";
import { type PngChunk, pngChunks, pngFile } from "./png-chunks.js";

/** One frame of an animated PNG, as the file has it. */
export interface ApngFrame {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Milliseconds. */
  readonly delay: number;
  /** What happens to its rectangle afterwards. */
  readonly dispose: "keep" | "clear" | "restore";
  /** `over`: blended with what is there by its alpha; `source`: replaces it, alpha included. */
  readonly blend: "source" | "over";
  /** The frame as a PNG file of its own. */
  readonly png: Uint8Array;
}

export interface Apng {
  readonly width: number;
  readonly height: number;
  readonly frames: readonly ApngFrame[];
}

/** What every frame needs to be decoded; colour profiles and text are left out. */
const SHARED = ["PLTE", "tRNS"];

const DISPOSE = ["keep", "clear", "restore"] as const;
const BLEND = ["source", "over"] as const;

/**
 * Takes an animated PNG apart; undefined for a PNG that is none (no `acTL` before the first image data).
 *
 * A default image without a frame control is no part of the animation.
 *
 * @throws SpaAttnError MalformedFile
 */
export function parseApng(bytes: Uint8Array, what: string): Apng | undefined {
  let header: Uint8Array | undefined;
  let declared = 0;
  let sequence = 0;
  let seenData = false;
  const shared: PngChunk[] = [];
  const open: { control: Uint8Array; data: Uint8Array[] }[] = [];
  const next = (number: number) => {
    if (number !== sequence++) malformed(what, `the animation's chunk ${sequence - 1} is missing`);
  };
  for (const { type, data } of pngChunks(bytes, what)) {
    if (type === "IHDR") header = data;
    else if (type === "acTL" && !seenData) declared = u32(data, 0);
    else if (SHARED.includes(type)) shared.push({ type, data });
    else if (type === "fcTL" && declared > 0) {
      if (data.length !== 26) malformed(what, `a frame control of ${data.length} bytes cannot be`);
      next(u32(data, 0));
      open.push({ control: data, data: [] });
    } else if (type === "IDAT") {
      seenData = true;
      if (declared === 0) return undefined;
      open.at(-1)?.data.push(data);
    } else if (type === "fdAT" && declared > 0) {
      if (data.length < 4 || open.length === 0) malformed(what, "a frame's data comes before its control");
      next(u32(data, 0));
      open.at(-1)?.data.push(data.subarray(4));
    }
  }
  if (header?.length !== 13) malformed(what, "the picture has no header");
  if (declared === 0 || open.length === 0) return undefined;
  if (open.length < declared) malformed(what, `the animation is cut off after ${open.length} of ${declared} frames`);
  const size = { width: u32(header, 0), height: u32(header, 4) };
  const frames = open.map(({ control, data }, i) => frame(control, data, i, header, shared, size, what));
  return { ...size, frames };
}

function frame(
  control: Uint8Array,
  data: readonly Uint8Array[],
  index: number,
  header: Uint8Array,
  shared: readonly PngChunk[],
  canvas: { readonly width: number; readonly height: number },
  what: string,
): ApngFrame {
  const [width, height, x, y] = [4, 8, 12, 16].map((at) => u32(control, at));
  if (width < 1 || height < 1 || x + width > canvas.width || y + height > canvas.height)
    malformed(what, `frame ${index} (${width}x${height} at ${x},${y}) lies outside ${canvas.width}x${canvas.height}`);
  if (data.length === 0) malformed(what, `frame ${index} has no data`);
  const [dispose, blend] = [DISPOSE[control[24]], BLEND[control[25]]];
  if (!dispose || !blend) malformed(what, `frame ${index} is composed in a way that does not exist`);
  const own = header.slice();
  own.set(control.subarray(4, 12));
  const png = pngFile([{ type: "IHDR", data: own }, ...shared, ...data.map((part) => ({ type: "IDAT", data: part }))]);
  const denominator = (control[22] << 8) | control[23];
  const delay = (1000 * ((control[20] << 8) | control[21])) / (denominator || 100);
  return { x, y, width, height, delay, dispose, blend, png };
}

const u32 = (bytes: Uint8Array, at: number): number =>
  at + 4 <= bytes.length ? new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0) : Number.NaN;

/** Puts frames together as a player does; colours are `[height, width, 4]` with alpha that is not multiplied in. */
export class ApngCanvas {
  readonly #pixels: Uint8Array;

  constructor(
    readonly width: number,
    height: number,
  ) {
    this.#pixels = new Uint8Array(width * height * 4);
  }

  /** Shows one frame, writes the picture over black to `out` (`[height, width, 3]`), and disposes of the frame. */
  show(frame: ApngFrame, rgba: Uint8Array, out: Uint8Array): void {
    const before = frame.dispose === "restore" ? this.#pixels.slice() : undefined;
    this.#eachRow(frame, (at, row) => {
      const source = rgba.subarray(row * frame.width * 4, (row + 1) * frame.width * 4);
      const target = this.#pixels.subarray(at, at + source.length);
      if (frame.blend === "source") target.set(source);
      else for (let i = 0; i < source.length; i += 4) over(source, target, i);
    });
    for (let pixel = 0; pixel < out.length / 3; pixel++) {
      const alpha = this.#pixels[4 * pixel + 3] / 255;
      for (let c = 0; c < 3; c++) out[3 * pixel + c] = Math.round(this.#pixels[4 * pixel + c] * alpha);
    }
    if (before) this.#pixels.set(before);
    else if (frame.dispose === "clear") this.#eachRow(frame, (at) => this.#pixels.fill(0, at, at + frame.width * 4));
  }

  #eachRow(frame: ApngFrame, visit: (at: number, row: number) => void): void {
    for (let row = 0; row < frame.height; row++) visit(((frame.y + row) * this.width + frame.x) * 4, row);
  }
}

/** Source over target, both with alpha that is not multiplied in. */
function over(source: Uint8Array, target: Uint8Array, at: number): void {
  const front = source[at + 3];
  if (front === 0) return;
  const back = (target[at + 3] * (255 - front)) / 255;
  const alpha = front + back;
  for (let c = 0; c < 3; c++) target[at + c] = Math.round((source[at + c] * front + target[at + c] * back) / alpha);
  target[at + 3] = Math.round(alpha);
}
