import { DemoError } from "../failure.js";

export interface ClipShape {
  readonly width: number;
  readonly height: number;
  readonly frames: number;
}

/** Pixels of all frames together: 120 MB in memory. */
const MOST_PIXELS = 40_000_000;
const SMALL_SIDE = 480;
const SMALL_FRAMES = 120;

/** The size a clip is read at: its own, or, once the visitor has agreed, one that fits. */
export function chooseShape(own: ClipShape, shrink: boolean): ClipShape {
  const pixels = own.width * own.height * own.frames;
  if (pixels <= MOST_PIXELS) return own;
  const small = smaller(own);
  if (shrink) return small;
  const megabytes = Math.round((pixels * 3) / 1e6).toLocaleString("en");
  throw new DemoError(
    "ClipTooLarge",
    `This clip has ${own.frames} frames of ${own.width} × ${own.height} pixels: ${megabytes} MB once unpacked.`,
    `It can be opened at ${small.width} × ${small.height} with ${small.frames} frames.`,
  );
}

function smaller({ width, height, frames }: ClipShape): ClipShape {
  const scale = Math.min(1, SMALL_SIDE / Math.max(width, height));
  const side = (length: number) => Math.max(1, Math.round(length * scale));
  return { width: side(width), height: side(height), frames: Math.min(frames, SMALL_FRAMES) };
}

/** Which of `total` frames are kept, at even distances. */
export const keptFrames = (total: number, kept: number): number[] =>
  Array.from({ length: kept }, (_, i) => Math.min(total - 1, Math.floor(((i + 0.5) * total) / kept)));
