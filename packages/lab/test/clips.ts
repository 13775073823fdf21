import type { Clip } from "../src/index.js";

/** A bright textured square that moves over a dim gradient. */
export function movingSquare(frames: number, height: number, width: number): Clip {
  const data = new Uint8Array(frames * height * width * 3);
  for (let t = 0; t < frames; t++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const inside = Math.abs(x - width / 3 - t) < width / 5 && Math.abs(y - height / 2) < height / 4;
        const at = ((t * height + y) * width + x) * 3;
        for (let c = 0; c < 3; c++) data[at + c] = inside ? 250 - ((x * (c + 1)) % 5) : 20 + 20 * c * (y / height);
      }
  return { width, height, frames, data, name: "moving square" };
}
