import { finishFrames, wanDecoder } from "@spaattn/networks";
import type { LatentSize } from "../wan/condition.js";
import { denormalizeLatents } from "../wan/latents.js";
import type { ProgressMeter } from "./progress.js";
import { Passes, someFrames, type VaeContext } from "./vae-passes.js";

/** Turns latents into frames, one latent frame after the other. */
export class VaeDecoder {
  readonly #passes: Passes;
  readonly #context: VaeContext;
  readonly #size: LatentSize;

  /** @param options.raw gives the network's channels as they are, neither unfolded to pixels nor clamped */
  constructor(context: VaeContext, size: LatentSize, options: { readonly raw?: boolean } = {}) {
    this.#context = context;
    this.#size = size;
    this.#passes = new Passes(context, size.frames, (g, first, more) => {
      const pass = { g, first, more };
      const raw = wanDecoder(pass, context.config, g.input("z", "f32", this.#frame));
      g.output("frames", options.raw ? raw : finishFrames(pass, context.config, raw));
    });
  }

  /** Floating-point operations of all passes. */
  get flop(): number {
    return this.#passes.flop;
  }

  /** Bytes of everything a pass needs at once. */
  get bytes(): number {
    return this.#passes.bytes;
  }

  /**
   * Decodes normalised latents `[channels, frames, height, width]`.
   *
   * @yields pixels from -1 to 1, `[frames, height, width, 3]`: one frame, then as many as a latent frame stands for
   */
  async *decode(latents: Float32Array, meter: ProgressMeter, signal?: AbortSignal): AsyncGenerator<Float32Array> {
    const { config } = this.#context;
    const { frames } = this.#size;
    const z = denormalizeLatents(latents, config);
    for (let pass = 0; pass < frames; pass++) {
      const network = await this.#passes.network(pass);
      await network.set("z", this.#frame, someFrames(z, config.zDim, frames, pass, 1));
      const { options, finish } = meter.begin("decode", network.flop, signal);
      await network.run(options);
      finish();
      yield await network.read("frames");
    }
  }

  dispose(): void {
    this.#passes.dispose();
  }

  get #frame(): number[] {
    return [1, this.#context.config.zDim, 1, this.#size.height, this.#size.width];
  }
}
