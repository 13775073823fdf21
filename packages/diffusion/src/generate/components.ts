import { type Device, type FloatDType, SpaAttnError } from "@spaattn/core";
import {
  clipVisionConfig,
  t5Config,
  type WanConfig,
  type WanVaeConfig,
  wanConfig,
  wanVaeConfig,
} from "@spaattn/networks";
import { type Folder, type ModelFolder, openFolder, readJson } from "@spaattn/weights";
import { loadTokenizer } from "../tokenizer/load.js";
import type { ClipContext } from "./image.js";
import type { TextContext } from "./text.js";
import type { TransformerContext } from "./transformer.js";
import type { VaeContext } from "./vae-passes.js";
import { WeightStore } from "./weight-store.js";

export interface ComponentOptions {
  readonly device: Device;
  /** Dtype of activations; default f32. The VAE stays in f32. */
  readonly dtype?: FloatDType;
  /** Bytes the device may give to weights, activations and states; default: no limit. */
  readonly memoryLimit?: number;
  /** `fp16`, `bf16`: files of another precision, where the folder has several. */
  readonly variant?: string;
}

export type Expert = "transformer" | "transformer_2";

/** The networks of a Wan folder; each is opened when it is first needed. */
export class Components {
  readonly #opened = new Map<string, Promise<{ store: WeightStore }>>();

  private constructor(
    readonly model: ModelFolder,
    readonly options: ComponentOptions,
    readonly transformer: WanConfig,
    readonly vae: WanVaeConfig,
    readonly scheduler: Readonly<Record<string, unknown>>,
  ) {}

  /** @throws SpaAttnError FileAccess, MalformedFile or Unsupported */
  static async open(folder: Folder, options: ComponentOptions): Promise<Components> {
    const model = await openFolder(folder);
    if (!/^Wan(ImageToVideo)?Pipeline$/.test(model.className))
      throw new SpaAttnError("Unsupported", `${folder.name}: pipelines of class ${model.className} cannot be run.`, {
        remedy: "Use a WanPipeline or a WanImageToVideoPipeline.",
      });
    const config = async (component: string) =>
      [await model.config(component), `${folder.name}/${component}/config.json`] as const;
    const transformer = wanConfig(...(await config("transformer")));
    return new Components(
      model,
      options,
      transformer,
      wanVaeConfig(...(await config("vae"))),
      await model.config("scheduler"),
    );
  }

  /** Share of the time scale at which the second transformer takes over. */
  get boundary(): number | undefined {
    const ratio = this.model.settings.boundary_ratio;
    return typeof ratio === "number" && this.model.components.has("transformer_2") ? ratio : undefined;
  }

  /** Wan 2.2 TI2V: a given first frame is told by time steps. */
  get expandsTimesteps(): boolean {
    return this.model.settings.expand_timesteps === true;
  }

  get hasImageEncoder(): boolean {
    return this.model.components.has("image_encoder");
  }

  text(): Promise<TextContext> {
    return this.#open("text_encoder", async (base) => {
      const config = t5Config(await this.model.config("text_encoder"), `${base.store.weights.name}: config.json`);
      return { ...base, config, tokenizer: await loadTokenizer(this.model.folder, "tokenizer") };
    });
  }

  clip(): Promise<ClipContext> {
    return this.#open("image_encoder", async (base) => ({
      ...base,
      config: clipVisionConfig(await this.model.config("image_encoder")),
    }));
  }

  expert(component: Expert): Promise<TransformerContext> {
    return this.#open(component, async (base) => ({ ...base, config: wanConfig(await this.model.config(component)) }));
  }

  decoder(): Promise<VaeContext> {
    return this.#open("vae", async (base) => ({ ...base, dtype: "f32" as const, config: this.vae }));
  }

  /** Rows of text that the model sees. */
  async textRows(): Promise<number> {
    const config = await readJson(this.model.folder, "tokenizer/tokenizer_config.json");
    const length = config?.model_max_length;
    return typeof length === "number" && length >= 1 ? Math.min(512, length) : 512;
  }

  /** Takes a component's weights off the device, where memory is limited. */
  async release(component: string): Promise<void> {
    if (this.options.memoryLimit === undefined) return;
    const opened = await this.#opened.get(component);
    opened?.store.forget(opened.store.specs.keys());
  }

  async close(): Promise<void> {
    const all = await Promise.allSettled(this.#opened.values());
    this.#opened.clear();
    for (const one of all) if (one.status === "fulfilled") await one.value.store.dispose();
  }

  #open<T extends { store: WeightStore }>(
    component: string,
    make: (base: { device: Device; store: WeightStore; dtype: FloatDType; memoryLimit?: number }) => Promise<T>,
  ): Promise<T> {
    const known = this.#opened.get(component);
    if (known) return known as Promise<T>;
    const { device, dtype = "f32", memoryLimit, variant } = this.options;
    const opening = (async () => {
      const weights = await this.model.weights(component, variant === undefined ? {} : { variant });
      const store = await WeightStore.open(weights, device);
      return make({ device, store, dtype, ...(memoryLimit === undefined ? {} : { memoryLimit }) });
    })();
    this.#opened.set(component, opening);
    opening.catch(() => this.#opened.delete(component));
    return opening;
  }
}
