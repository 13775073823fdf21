import { wanEncoder } from "@spaattn/networks";
import type { LatentSize } from "../wan/condition.js";
import { normalizeLatents } from "../wan/latents.js";
import type { ProgressMeter, Stage } from "./progress.js";
import { Passes, someFrames, type VaeContext } from "./vae-passes.js";

/** Turns frames into latents, as many frames at a time as a latent frame stands for. */
export class VaeEncoder {
  readonly #passes: Passes;
  readonly #context: VaeContext;
  readonly #size: LatentSize;

  /** @param size of the latents */
  constructor(context: VaeContext, size: LatentSize) {
    this.#context = context;
    this.#size = size;
    this.#passes = new Passes(context, size.frames, (g, first, more) => {
      const video = g.input("video", "f32", this.#shape(first ? 1 : context.config.temporalFactor));
      const { mean } = wanEncoder({ g, first, more }, context.config, video);
      g.output("mean", mean);
    });
  }

  get flop(): number {
    return this.#passes.flop;
  }

  /**
   * Encodes a video `[3, frames, height, width]` from -1 to 1 to normalised latents: the mean, no sample.
   *
   * @returns `[channels, latent frames, height, width]`
   */
  async encode(video: Float32Array, meter: ProgressMeter, stage: Stage, signal?: AbortSignal): Promise<Float32Array> {
    const { config } = this.#context;
    const { frames, height, width } = this.#size;
    const pixelFrames = 1 + (frames - 1) * config.temporalFactor;
    const plane = height * width;
    const out = new Float32Array(config.zDim * frames * plane);
    for (let pass = 0, at = 0; pass < frames; pass++) {
      const count = pass === 0 ? 1 : config.temporalFactor;
      const network = await this.#passes.network(pass);
      const planes = someFrames(video, 3, pixelFrames, at, count);
      await network.set("video", this.#shape(count), channelsLast(planes, 3));
      const { options, finish } = meter.begin(stage, network.flop, signal);
      await network.run(options);
      finish();
      const mean = await network.read("mean");
      for (let channel = 0; channel < config.zDim; channel++)
        out.set(mean.subarray(channel * plane, (channel + 1) * plane), (channel * frames + pass) * plane);
      at += count;
    }
    return normalizeLatents(out, config);
  }

  dispose(): void {
    this.#passes.dispose();
  }

  #shape(frames: number): number[] {
    const { spatialFactor } = this.#context.config;
    return [1, frames, this.#size.height * spatialFactor, this.#size.width * spatialFactor, 3];
  }
}

function channelsLast(planes: Float32Array, channels: number): Float32Array {
  const plane = planes.length / channels;
  const out = new Float32Array(planes.length);
  for (let channel = 0; channel < channels; channel++)
    for (let i = 0; i < plane; i++) out[i * channels + channel] = planes[channel * plane + i];
  return out;
}
