import type { RgbImage } from "../image/resize.js";
import { TorchRandom } from "../random/torch-random.js";
import type { LatentSize } from "../wan/condition.js";
import type { Components } from "./components.js";
import { fitPreview, type PreviewMap, previewFrame } from "./preview.js";
import { ProgressMeter } from "./progress.js";
import { VaeDecoder } from "./vae-decoder.js";

/** Latents per side of the picture that the map is fitted to. */
const SIDE = 16;

/** Pictures of latents without decoding them: a linear map, fitted once to what the VAE makes of noise. */
export class Previewer {
  #map: Promise<PreviewMap> | undefined;

  constructor(
    readonly components: Components,
    readonly size: LatentSize,
  ) {}

  async frame(latents: Float32Array, frame: number): Promise<RgbImage> {
    this.#map ??= this.#fit();
    return previewFrame(await this.#map, latents, this.size, frame);
  }

  async #fit(): Promise<PreviewMap> {
    const { zDim, spatialFactor } = this.components.vae;
    const decoder = new VaeDecoder(await this.components.decoder(), { frames: 1, height: SIDE, width: SIDE });
    try {
      const latents = new TorchRandom(0).normal(zDim * SIDE * SIDE);
      const { value } = await decoder.decode(latents, new ProgressMeter(1, undefined)).next();
      return fitPreview(latents, cellMeans(value as Float32Array, SIDE, spatialFactor), zDim);
    } finally {
      decoder.dispose();
    }
  }
}

/** The mean colours of squares of pixels: `[side * square, side * square, 3]` to `[3, side * side]`. */
function cellMeans(pixels: Float32Array, side: number, square: number): Float32Array {
  const out = new Float32Array(3 * side * side);
  const width = side * square;
  for (let y = 0; y < width; y++)
    for (let x = 0; x < width; x++) {
      const cell = Math.floor(y / square) * side + Math.floor(x / square);
      for (let colour = 0; colour < 3; colour++)
        out[colour * side * side + cell] += pixels[(y * width + x) * 3 + colour] / (square * square);
    }
  return out;
}
