import { throwIfAborted } from "@spaattn/core";
import type { Folder } from "@spaattn/weights";
import { type WanSettings, wanSettings } from "../wan/settings.js";
import { type SizeRule, sizeForImage } from "../wan/size.js";
import { type ComponentOptions, Components } from "./components.js";
import { Generation } from "./generation.js";
import { checkOptions, type GeneratedVideo, type GenerateOptions, type GenerationDefaults } from "./options.js";

export interface PipelineOptions extends ComponentOptions {
  /** Sizes and numbers of a model that was not published; what is left out must be given for every video. */
  readonly defaults?: Partial<GenerationDefaults>;
}

/**
 * A Wan model in a folder, ready to make videos on a device.
 *
 * Weights are read when they are needed, and stay on the device until `close()` unless memory is limited.
 */
export class WanPipeline {
  readonly #components: Components;
  readonly #defaults: Partial<GenerationDefaults>;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(components: Components, defaults: Partial<GenerationDefaults>) {
    this.#components = components;
    this.#defaults = defaults;
  }

  /**
   * Reads configurations; no weights.
   *
   * @throws SpaAttnError FileAccess, MalformedFile or Unsupported
   */
  static async open(folder: Folder, { defaults = {}, ...options }: PipelineOptions): Promise<WanPipeline> {
    return new WanPipeline(await Components.open(folder, options), defaults);
  }

  /** The published checkpoint this is, where it is one. */
  get published(): WanSettings | undefined {
    const { transformer, hasImageEncoder, boundary } = this.#components;
    return wanSettings({
      dim: transformer.dim,
      inChannels: transformer.inChannels,
      imageEncoder: hasImageEncoder,
      twoImages: transformer.imagePositions !== undefined,
      twoTransformers: boundary !== undefined,
    });
  }

  /** What sizes must be multiples of. */
  get sizeRule(): SizeRule {
    const { vae, transformer } = this.#components;
    return { multiple: vae.spatialFactor * transformer.patch[1], framesPerLatent: vae.temporalFactor };
  }

  /** What a video is made with unless options say otherwise. */
  defaultsFor(image?: { readonly width: number; readonly height: number }): Partial<GenerationDefaults> {
    const { published } = this;
    if (!published) return this.#defaults;
    const [width, height] = published.sizes[0];
    const { frames, fps, steps, guidance, guidance2 } = published;
    const size = image ? sizeForImage(image, width * height, this.sizeRule.multiple) : { width, height };
    return {
      ...size,
      frames,
      fps,
      steps,
      guidance,
      ...(guidance2 === undefined ? {} : { guidance2 }),
      ...this.#defaults,
    };
  }

  /**
   * Makes a video. Calls queue.
   *
   * @throws RangeError or TypeError that names a wrong option, with the nearest sizes the model can do.
   * @throws SpaAttnError FileAccess, MalformedFile, OutOfMemory, Unsupported or Aborted
   */
  async generate(options: GenerateOptions): Promise<GeneratedVideo> {
    checkOptions(options);
    const settings = { ...this.defaultsFor(options.image), ...given(options) };
    const generation = new Generation(this.#components, this.sizeRule, options, settings, this.published?.id);
    const result = this.#queue.then(() => {
      throwIfAborted(options.signal);
      return generation.run();
    });
    this.#queue = result.catch(() => undefined);
    return result;
  }

  /** Waits for generations under way and frees the weights. */
  async close(): Promise<void> {
    await this.#queue;
    await this.#components.close();
  }
}

const NUMBERS = ["width", "height", "frames", "fps", "steps", "guidance", "guidance2", "shift"] as const;

const given = (options: GenerateOptions): Partial<GenerationDefaults> =>
  Object.fromEntries(NUMBERS.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]));
