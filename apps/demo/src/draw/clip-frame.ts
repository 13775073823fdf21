import type { ClipView, InputInfo, PictureFrames } from "../worker/protocol.js";
import { type Box, paintImage } from "./cells.js";

/** The part of the clip that the tokens cover: the centre, at the token grid's shape. */
export function crop(clip: ClipView, info: InputInfo | undefined): Box {
  if (!info?.grid) return { x: 0, y: 0, w: clip.width, h: clip.height };
  const [, rows, columns] = info.grid;
  const scale = Math.min(clip.width / columns, clip.height / rows);
  const [w, h] = [columns * scale, rows * scale];
  return { x: (clip.width - w) / 2, y: (clip.height - h) / 2, w, h };
}

/** Draws the clip at a share of its time, cropped to the tokens. */
export function paintClip(
  context: CanvasRenderingContext2D,
  clip: ClipView,
  info: InputInfo | undefined,
  index: number,
  box: Box,
): void {
  const from = crop(clip, info);
  context.imageSmoothingEnabled = true;
  context.drawImage(clip.frames[index], from.x, from.y, from.w, from.h, box.x, box.y, box.w, box.h);
}

/** Draws one frame of a small picture. */
export function paintFrame(
  context: CanvasRenderingContext2D,
  picture: PictureFrames,
  index: number,
  box: Box,
  smooth = true,
): void {
  const { width, height, rgba } = picture;
  const bytes = width * height * 4;
  const pixels = new ImageData(width, height);
  pixels.data.set(rgba.subarray(index * bytes, (index + 1) * bytes));
  paintImage(context, pixels, box, smooth);
}
