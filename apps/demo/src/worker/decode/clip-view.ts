import type { Clip } from "@spaattn/lab";
import type { ClipView } from "../protocol.js";
import { keptFrames } from "./size.js";

const LONGEST_SIDE = 480;
const MOST_FRAMES = 60;

/** The clip at a size fit for looking at, as bitmaps the page can draw at once. */
export async function clipView(clip: Clip, name: string): Promise<ClipView> {
  const { width, height, frames: total, data, fps = 10 } = clip;
  const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
  const size = { resizeWidth: Math.round(width * scale), resizeHeight: Math.round(height * scale) };
  const kept = keptFrames(total, Math.min(total, MOST_FRAMES));
  const frames: ImageBitmap[] = [];
  for (const index of kept) {
    const image = new ImageData(width, height);
    for (let from = index * width * height * 3, to = 0; to < image.data.length; from += 3, to += 4) {
      image.data[to] = data[from];
      image.data[to + 1] = data[from + 1];
      image.data[to + 2] = data[from + 2];
      image.data[to + 3] = 255;
    }
    frames.push(await createImageBitmap(image, { ...size, resizeQuality: "high" }));
  }
  return {
    name,
    frames,
    width: size.resizeWidth,
    height: size.resizeHeight,
    fps: Math.min(30, Math.max(2, fps * (kept.length / total))),
    note: `${total} frames of ${width} × ${height} pixels`,
  };
}
