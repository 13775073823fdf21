import { fileSource } from "@spaattn/weights/node";

export type ClipFormat = "image" | "animated-png" | "container";

const ascii = (bytes: Uint8Array, at: number, length: number) =>
  String.fromCharCode(...bytes.subarray(at, at + length));

/** Tells by its first bytes, not by its name, who can read a file. */
export async function clipFormat(path: string): Promise<ClipFormat> {
  const source = await fileSource(path);
  try {
    const head = new Uint8Array(Math.min(4096, source.size));
    await source.read(0, head);
    const start = ascii(head, 0, 4);
    // In an animated PNG the chunk acTL comes before the first image data.
    if (start === "\x89PNG") return ascii(head, 0, head.length).includes("acTL") ? "animated-png" : "image";
    if (start === "GIF8" || (start === "RIFF" && ascii(head, 8, 4) === "WEBP")) return "image";
    if (ascii(head, 0, 3) === "\xff\xd8\xff") return "image";
    if (ascii(head, 4, 8) === "ftypavif") return "image";
    return "container";
  } finally {
    await source.close();
  }
}
