import type { Clip } from "@spaattn/lab";
import { DemoError } from "../failure.js";
import { FrameStore } from "./frame-store.js";
import { chooseShape, keptFrames } from "./size.js";

interface ImageFrame {
  readonly image: VideoFrame;
}

/** The part of WebCodecs' ImageDecoder that is used; TypeScript's DOM library lacks it. */
interface ImageDecoderLike {
  readonly tracks: { readonly ready: Promise<void>; readonly selectedTrack: { readonly frameCount: number } | null };
  readonly completed: Promise<void>;
  decode(options: { frameIndex: number }): Promise<ImageFrame>;
  close(): void;
}
type ImageDecoderClass = new (init: {
  data: ArrayBuffer;
  type: string;
  colorSpaceConversion?: string;
}) => ImageDecoderLike;

/** Frames of a GIF, WebP, APNG, AVIF, PNG or JPEG. */
export async function decodeImage(file: Blob, name: string, type: string, shrink: boolean): Promise<Clip> {
  const Decoder = (globalThis as { ImageDecoder?: ImageDecoderClass }).ImageDecoder;
  try {
    return Decoder
      ? await decodeAnimation(
          new Decoder({ data: await file.arrayBuffer(), type, colorSpaceConversion: "none" }),
          name,
          shrink,
        )
      : await decodeStill(file, name, shrink);
  } catch (error) {
    if (error instanceof DemoError) throw error;
    throw new DemoError(
      "UnreadableFile",
      `${name} could not be read as an image: it is damaged, or of a kind this browser does not know.`,
      "Open a GIF, WebP, PNG or JPEG that other programs show.",
    );
  }
}

async function decodeAnimation(decoder: ImageDecoderLike, name: string, shrink: boolean): Promise<Clip> {
  try {
    await decoder.tracks.ready;
    await decoder.completed;
    const total = decoder.tracks.selectedTrack?.frameCount ?? 1;
    const { image: first } = await decoder.decode({ frameIndex: 0 });
    const shape = chooseShape({ width: first.displayWidth, height: first.displayHeight, frames: total }, shrink);
    const seconds = first.duration ? first.duration / 1e6 : 0.1;
    first.close();
    const store = new FrameStore(shape);
    for (const frameIndex of keptFrames(total, shape.frames)) {
      const { image } = await decoder.decode({ frameIndex });
      store.add(image);
      image.close();
    }
    return store.clip(name, (1 / seconds) * (shape.frames / total));
  } finally {
    decoder.close();
  }
}

/** Without ImageDecoder only the first frame can be had. */
async function decodeStill(file: Blob, name: string, shrink: boolean): Promise<Clip> {
  const bitmap = await createImageBitmap(file);
  const store = new FrameStore(chooseShape({ width: bitmap.width, height: bitmap.height, frames: 1 }, shrink));
  store.add(bitmap);
  bitmap.close();
  return store.clip(name, 10);
}
