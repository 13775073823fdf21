export type FileKind =
  | { readonly kind: "image"; readonly type: string }
  | { readonly kind: "video" }
  | { readonly kind: "capture" }
  | { readonly kind: "unknown" };

const text = (bytes: Uint8Array, from: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(from, from + length));

/** What a file is, from its first bytes (names and declared types lie). `bytes` are the first 32 or more. */
export function sniff(bytes: Uint8Array): FileKind {
  if (text(bytes, 0, 4) === "GIF8") return { kind: "image", type: "image/gif" };
  if (text(bytes, 0, 4) === "RIFF" && text(bytes, 8, 4) === "WEBP") return { kind: "image", type: "image/webp" };
  if (text(bytes, 1, 3) === "PNG" && bytes[0] === 0x89) return { kind: "image", type: "image/png" };
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return { kind: "image", type: "image/jpeg" };
  if (text(bytes, 4, 4) === "ftyp")
    return /^avi[fs]/.test(text(bytes, 8, 4)) ? { kind: "image", type: "image/avif" } : { kind: "video" };
  // Matroska and WebM start with an EBML header.
  if (bytes[0] === 0x1a && bytes[1] === 0x45 && bytes[2] === 0xdf && bytes[3] === 0xa3) return { kind: "video" };
  // safetensors: a 64-bit header length, then JSON.
  if (bytes[8] === 0x7b && bytes[6] === 0 && bytes[7] === 0) return { kind: "capture" };
  return { kind: "unknown" };
}
