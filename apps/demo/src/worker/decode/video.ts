import type { Clip } from "@spaattn/lab";
import { DemoError } from "../failure.js";
import { FrameStore } from "./frame-store.js";
import { chooseShape, keptFrames } from "./size.js";

/** Frames of an MP4, QuickTime or WebM file, through WebCodecs. The demuxer is loaded when first needed. */
export async function decodeVideo(file: Blob, name: string, shrink: boolean): Promise<Clip> {
  if (typeof VideoDecoder === "undefined")
    throw new DemoError(
      "Unsupported",
      "This browser cannot decode videos for a page (it has no WebCodecs).",
      "Use a current Chrome, Edge, Firefox or Safari, or open a GIF or WebP.",
    );
  const { ALL_FORMATS, BlobSource, Input, VideoSampleSink } = await import("mediabunny");
  const input = new Input({ source: new BlobSource(file), formats: ALL_FORMATS });
  try {
    const track = await input.getPrimaryVideoTrack();
    if (!track) throw unreadable(name, "it holds no video");
    if (!(await track.canDecode()))
      throw unreadable(name, `this browser has no decoder for its codec (${track.codec ?? "unknown"})`);
    const { packetCount, averagePacketRate } = await track.computePacketStats();
    const own = { width: track.displayWidth, height: track.displayHeight, frames: packetCount };
    const shape = chooseShape(own, shrink);
    const kept = new Set(keptFrames(own.frames, shape.frames));
    const store = new FrameStore(shape);
    let index = 0;
    for await (const sample of new VideoSampleSink(track).samples()) {
      if (kept.has(index++) && !store.full) store.add(sample);
      sample.close();
    }
    return store.clip(name, averagePacketRate * (shape.frames / own.frames));
  } catch (error) {
    throw error instanceof DemoError ? error : unreadable(name, "it is damaged, or no video at all", error);
  } finally {
    input.dispose();
  }
}

function unreadable(name: string, why: string, cause?: unknown): DemoError {
  const error = new DemoError(
    "UnreadableFile",
    `${name} could not be read: ${why}.`,
    "Open a GIF, WebP, PNG, JPEG, MP4 or WebM that this browser plays, or a capture (safetensors).",
  );
  error.cause = cause;
  return error;
}
