import { malformed } from "@spaattn/weights";

// What a decoder will not say: whether an animation is all there. Decoders show what they find and call it the whole.

const ascii = (bytes: Uint8Array, at: number, length: number) =>
  String.fromCharCode(...bytes.subarray(at, at + length));

export const isGif = (bytes: Uint8Array): boolean => /^GIF8[79]a$/.test(ascii(bytes, 0, 6));

export const isWebp = (bytes: Uint8Array): boolean => ascii(bytes, 0, 4) === "RIFF" && ascii(bytes, 8, 4) === "WEBP";

/** One block of a GIF file that is all there. */
export interface GifBlock {
  readonly kind: "control" | "extension" | "image";
  readonly at: number;
  readonly end: number;
}

/**
 * The blocks of a GIF file, from the first behind the header.
 *
 * A missing trailer is common and no loss.
 *
 * @throws SpaAttnError MalformedFile where a frame is cut off.
 */
export function gifBlocks(bytes: Uint8Array, what: string): GifBlock[] {
  const blocks: GifBlock[] = [];
  const table = (flags: number) => (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0);
  let at = 13 + table(bytes[10]);
  while (at < bytes.length && (bytes[at] === 0x21 || bytes[at] === 0x2c)) {
    const image = bytes[at] === 0x2c;
    let end = image ? at + 11 + table(bytes[at + 9]) : at + 2;
    while (bytes[end] > 0) end += 1 + bytes[end];
    end++;
    if (end > bytes.length) {
      const whole = blocks.filter(({ kind }) => kind === "image").length;
      malformed(what, `the animation is cut off after ${whole} whole ${whole === 1 ? "frame" : "frames"}`);
    }
    blocks.push({ kind: image ? "image" : bytes[at + 1] === 0xf9 ? "control" : "extension", at, end });
    at = end;
  }
  return blocks;
}

/** One chunk of a WebP file. */
export interface WebpChunk {
  readonly type: string;
  readonly data: Uint8Array;
}

/**
 * The chunks of a WebP file.
 *
 * @throws SpaAttnError MalformedFile where the file ends before the length it states.
 */
export function webpChunks(bytes: Uint8Array, what: string): WebpChunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: WebpChunk[] = [];
  const end = 8 + view.getUint32(4, true);
  const cut = () => {
    const whole = chunks.filter(({ type }) => type === "ANMF").length;
    const frames = whole > 0 ? `, after ${whole} whole ${whole === 1 ? "frame" : "frames"}` : "";
    malformed(what, `the picture is cut off at ${bytes.length} of ${end} bytes${frames}`);
  };
  for (let at = 12; at + 8 <= end; ) {
    if (at + 8 > bytes.length) cut();
    const length = view.getUint32(at + 4, true);
    if (at + 8 + length > bytes.length) cut();
    chunks.push({ type: ascii(bytes, at, 4), data: bytes.subarray(at + 8, at + 8 + length) });
    at += 8 + length + (length & 1);
  }
  return chunks;
}

/** Throws `MalformedFile` for a GIF or WebP that is not all there; says nothing of other files. */
export function checkWhole(bytes: Uint8Array, what: string): void {
  if (isGif(bytes)) gifBlocks(bytes, what);
  else if (isWebp(bytes) && bytes.length >= 12) webpChunks(bytes, what);
}
