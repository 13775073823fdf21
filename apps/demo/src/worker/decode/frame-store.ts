import type { Clip } from "@spaattn/lab";
import type { ClipShape } from "./size.js";

type Drawable =
  | CanvasImageSource
  | { draw(context: OffscreenCanvasRenderingContext2D, x: number, y: number, w: number, h: number): void };

/** Collects frames as RGB bytes at one size. */
export class FrameStore {
  readonly #data: Uint8Array;
  readonly #context: OffscreenCanvasRenderingContext2D;
  #count = 0;

  constructor(readonly shape: ClipShape) {
    this.#data = new Uint8Array(shape.width * shape.height * shape.frames * 3);
    const canvas = new OffscreenCanvas(shape.width, shape.height);
    this.#context = canvas.getContext("2d", { willReadFrequently: true })!;
    this.#context.imageSmoothingQuality = "high";
  }

  get full(): boolean {
    return this.#count >= this.shape.frames;
  }

  add(frame: Drawable): void {
    const { width, height } = this.shape;
    // Transparent pixels of an image become black, as in the command line.
    this.#context.fillStyle = "#000";
    this.#context.fillRect(0, 0, width, height);
    if ("draw" in frame) frame.draw(this.#context, 0, 0, width, height);
    else this.#context.drawImage(frame, 0, 0, width, height);
    const { data } = this.#context.getImageData(0, 0, width, height);
    let to = this.#count * width * height * 3;
    for (let from = 0; from < data.length; from += 4) {
      this.#data[to++] = data[from];
      this.#data[to++] = data[from + 1];
      this.#data[to++] = data[from + 2];
    }
    this.#count++;
  }

  clip(name: string, fps: number): Clip {
    const { width, height } = this.shape;
    return {
      name,
      width,
      height,
      frames: this.#count,
      fps,
      data: this.#data.subarray(0, width * height * this.#count * 3),
    };
  }
}
