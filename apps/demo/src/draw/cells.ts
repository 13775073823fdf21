import { CIVIDIS, LESS, MORE } from "./colour.js";

const scratch = document.createElement("canvas");

/** How a value becomes a colour: `share` is 0 to 1, with `diverging` -1 to 1. */
export interface Shade {
  readonly share: (value: number, index: number) => number;
  readonly diverging?: boolean;
  /** Opacity at the scale's start; the rest grows with the root of the value. 1 paints over what is below. */
  readonly veil?: number;
}

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

/** Paints a `[rows, columns]` matrix into a box, one sharp rectangle per cell. */
export function paintCells(
  context: CanvasRenderingContext2D,
  values: ArrayLike<number>,
  rows: number,
  columns: number,
  box: Box,
  shade: Shade,
): void {
  const image = new ImageData(columns, rows);
  const { share, diverging = false, veil = 1 } = shade;
  for (let i = 0; i < rows * columns; i++) {
    const at = share(values[i], i);
    if (diverging) image.data.set(at < 0 ? LESS : MORE, i * 4);
    else {
      const index = Math.round(at * 255);
      image.data.set(CIVIDIS.subarray(index * 3, index * 3 + 3), i * 4);
    }
    image.data[i * 4 + 3] = Math.round(255 * (veil + (1 - veil) * Math.sqrt(Math.abs(at))));
  }
  paintImage(context, image, box, false);
}

/** Paints pixels into a box. */
export function paintImage(context: CanvasRenderingContext2D, image: ImageData, box: Box, smooth: boolean): void {
  scratch.width = image.width;
  scratch.height = image.height;
  scratch.getContext("2d")!.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = smooth;
  context.imageSmoothingQuality = "high";
  context.drawImage(scratch, box.x, box.y, box.w, box.h);
}

/** Sets a canvas to its size on the page in device pixels; the context draws in CSS pixels. */
export function fitCanvas(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = Math.min(2, devicePixelRatio || 1);
  const [w, h] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  const context = canvas.getContext("2d")!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}
