import { readCapture } from "@spaattn/io";
import { DemoError } from "../failure.js";
import type { Source } from "../protocol.js";
import type { Opened } from "../session.js";
import { decodeImage } from "./image.js";
import { sniff } from "./sniff.js";
import { decodeVideo } from "./video.js";

/** Reads the bundled clip or a visitor's file; nothing is sent anywhere. */
export async function openSource(source: Source): Promise<Opened> {
  if (source.kind === "file") return openFile(source.file, source.file.name, source.shrink);
  const response = await fetch(source.url);
  if (!response.ok)
    throw new DemoError(
      "UnreadableFile",
      `The bundled clip is missing (${response.status}).`,
      "Reload the page, or open a clip of yours.",
    );
  const file = await response.blob();
  return openFile(
    file,
    source.url
      .split("/")
      .pop()!
      .replace(/-[\w-]{8}(?=\.)/, ""),
    false,
  );
}

async function openFile(file: Blob, name: string, shrink: boolean): Promise<Opened> {
  if (file.size === 0) throw new DemoError("UnreadableFile", `${name} is empty.`, "Open another file.");
  const kind = sniff(new Uint8Array(await file.slice(0, 64).arrayBuffer()));
  switch (kind.kind) {
    case "image":
      return { name, clip: await decodeImage(file, name, kind.type, shrink) };
    case "video":
      return { name, clip: await decodeVideo(file, name, shrink) };
    case "capture":
      return { name, capture: await readCapture(file) };
    default:
      throw new DemoError(
        "UnreadableFile",
        `${name} is not a kind of file this page reads.`,
        "Open a GIF, WebP, PNG, JPEG, AVIF, MP4 or WebM, or a capture (safetensors).",
      );
  }
}
