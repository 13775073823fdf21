import { type GifBlock, gifBlocks, type WebpChunk, webpChunks } from "./animation.js";

// Encoders merge a frame into the one before where both are equal, and add up their delays. That loses frames: a clip
// of six frames comes back with three. Here a merged frame is split again: the first keeps its own delay, and each that
// had vanished becomes a frame of one pixel that changes nothing.

/** How many frames of `delays` each encoded frame stands for, by its own delay. */
function merged(encoded: readonly number[], delays: readonly number[]): number[] {
  let next = 0;
  return encoded.map((delay) => {
    const first = next;
    let sum = 0;
    while (next < delays.length && sum < delay) sum += delays[next++];
    if (sum !== delay) throw new Error(`the encoder wrote a delay of ${delay} ms that no frames add up to`);
    return next - first;
  });
}

/** A GIF as it was meant: as many frames as there are `delays` (milliseconds). */
export function unmergeGif(file: Uint8Array, delays: readonly number[]): Uint8Array {
  const blocks = gifBlocks(file, "the encoded GIF");
  const controls = blocks.filter(({ kind }) => kind === "control");
  const images = blocks.filter(({ kind }) => kind === "image");
  if (images.length === delays.length) return file;
  // Where nothing moves, the encoder writes a still picture without a delay.
  const still = controls.length === 0;
  const counts = still
    ? [delays.length]
    : merged(
        controls.map(({ at }) => u16(file, at + 4) * 10),
        delays,
      );
  const parts: Uint8Array[] = [file.subarray(0, blocks[0].at)];
  let frame = 0;
  let image = 0;
  for (const block of blocks) {
    const bytes = file.slice(block.at, block.end);
    if (still && block.kind === "image") parts.push(gifControl(delays[0], false));
    if (block.kind === "control") {
      setU16(bytes, 4, delays[frame] / 10);
      // The frame must stay for those that change nothing.
      bytes[3] = (bytes[3] & ~0x1c) | (1 << 2);
    }
    parts.push(bytes);
    if (block.kind !== "image") continue;
    for (let i = 1; i < counts[image]; i++) parts.push(gifControl(delays[frame + i], true), NOTHING);
    frame += counts[image++];
  }
  parts.push(file.subarray((blocks.at(-1) as GifBlock).end));
  return joined(parts);
}

/** A graphic control: the frame stays; colour 0 is transparent where asked for. */
const gifControl = (delay: number, transparent: boolean) => {
  const bytes = Uint8Array.of(0x21, 0xf9, 4, (1 << 2) | (transparent ? 1 : 0), 0, 0, 0, 0);
  setU16(bytes, 4, delay / 10);
  return bytes;
};

/** One pixel of colour 0 of a table of its own. LZW: clear, 0, end, in codes of three bits. */
const NOTHING = Uint8Array.of(0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0x80, 0, 0, 0, 0, 0, 0, 2, 2, 0x44, 1, 0);

/**
 * A WebP as it was meant.
 *
 * @param pixel gives a WebP file of the first pixel of a frame.
 */
export async function unmergeWebp(
  file: Uint8Array,
  delays: readonly number[],
  pixel: (frame: number) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const chunks = webpChunks(file, "the encoded WebP");
  const frames = chunks.filter(({ type }) => type === "ANMF");
  if (frames.length === delays.length || delays.length === 1) return file;
  const whole = frames.length > 0 ? chunks : await animated(chunks, delays);
  const counts = merged(
    whole.filter(({ type }) => type === "ANMF").map(({ data }) => u24(data, 12)),
    delays,
  );
  const out: WebpChunk[] = [];
  let frame = 0;
  let image = 0;
  for (const chunk of whole) {
    if (chunk.type !== "ANMF") {
      out.push(chunk);
      continue;
    }
    const data = chunk.data.slice();
    setU24(data, 12, delays[frame]);
    // Dispose: leave it.
    data[15] &= ~1;
    out.push({ type: "ANMF", data });
    for (let i = 1; i < counts[image]; i++)
      out.push(
        anmf({ width: 1, height: 1 }, delays[frame + i], bitstream(webpChunks(await pixel(frame + i), "a pixel"))),
      );
    frame += counts[image++];
  }
  return riff(out);
}

/** An animation of one frame made of a still picture: what the encoder writes where nothing moves. */
async function animated(chunks: readonly WebpChunk[], delays: readonly number[]): Promise<WebpChunk[]> {
  const total = delays.reduce((sum, delay) => sum + delay, 0);
  const image = bitstream(chunks);
  const { width, height } = sizeOf(image);
  const header = new Uint8Array(10);
  header[0] = 0x02;
  setU24(header, 4, width - 1);
  setU24(header, 7, height - 1);
  // Background and endless loop.
  const anim = Uint8Array.of(255, 255, 255, 255, 0, 0);
  return [{ type: "VP8X", data: header }, { type: "ANIM", data: anim }, anmf({ width, height }, total, image)];
}

const bitstream = (chunks: readonly WebpChunk[]): WebpChunk => {
  const found = chunks.find(({ type }) => type === "VP8L" || type === "VP8 ");
  if (!found) throw new Error("the encoded WebP holds no picture");
  return found;
};

/** Width and height as the bitstream says. */
function sizeOf({ type, data }: WebpChunk): { width: number; height: number } {
  if (type === "VP8 ") return { width: u16(data, 6) & 0x3fff, height: u16(data, 8) & 0x3fff };
  const bits = data[1] | (data[2] << 8) | (data[3] << 16) | (data[4] << 24);
  return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
}

/** A frame at the top left that replaces what is there and stays. */
function anmf(size: { width: number; height: number }, delay: number, image: WebpChunk): WebpChunk {
  const inner = chunkBytes(image);
  const data = new Uint8Array(16 + inner.length);
  setU24(data, 6, size.width - 1);
  setU24(data, 9, size.height - 1);
  setU24(data, 12, delay);
  data[15] = 0x02;
  data.set(inner, 16);
  return { type: "ANMF", data };
}

function chunkBytes({ type, data }: WebpChunk): Uint8Array {
  const bytes = new Uint8Array(8 + data.length + (data.length & 1));
  for (let i = 0; i < 4; i++) bytes[i] = type.charCodeAt(i);
  new DataView(bytes.buffer).setUint32(4, data.length, true);
  bytes.set(data, 8);
  return bytes;
}

function riff(chunks: readonly WebpChunk[]): Uint8Array {
  const body = joined(chunks.map(chunkBytes));
  const file = new Uint8Array(12 + body.length);
  file.set(new TextEncoder().encode("RIFF\0\0\0\0WEBP"));
  new DataView(file.buffer).setUint32(4, 4 + body.length, true);
  file.set(body, 12);
  return file;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const u16 = (bytes: Uint8Array, at: number) => bytes[at] | (bytes[at + 1] << 8);
const u24 = (bytes: Uint8Array, at: number) => u16(bytes, at) | (bytes[at + 2] << 16);
const setU16 = (bytes: Uint8Array, at: number, value: number) => bytes.set([value & 255, value >> 8], at);
const setU24 = (bytes: Uint8Array, at: number, value: number) =>
  bytes.set([value & 255, (value >> 8) & 255, value >> 16], at);
