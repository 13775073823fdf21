import { needsNegative } from "../guidance.js";
import { TorchRandom } from "../random/torch-random.js";
import { scheduleFromConfig } from "../schedulers/from-config.js";
import type { LatentSize } from "../wan/condition.js";
import { type ExpertStep, expertPlan } from "../wan/experts.js";
import { checkVideoSize, type SizeRule } from "../wan/size.js";
import type { Components } from "./components.js";
import { byteSink, decodeFlop, decodeTiled, decodeWhole, tilesFor } from "./decode.js";
import { type DenoiseTask, denoise, type StepResult } from "./denoise.js";
import { checkImages, imageFlop, prepareImages, textFeatures } from "./inputs.js";
import type { GeneratedVideo, GenerateOptions, GenerationDefaults } from "./options.js";
import { Previewer } from "./previewer.js";
import { ProgressMeter } from "./progress.js";
import { type SparsePlan, sparsePlan } from "./sparse.js";
import { padFeatures } from "./text.js";
import type { TileRule } from "./tiles.js";
import { transformerFlop } from "./transformer.js";

/** One video in the making. */
export class Generation {
  readonly #components: Components;
  readonly #options: GenerateOptions;
  readonly #settings: GenerationDefaults;
  readonly #size: LatentSize;

  /**
   * @param settings what is left out is an error
   * @param published id of the published checkpoint, where it is one
   * @throws RangeError or TypeError that names the option
   */
  constructor(
    components: Components,
    rule: SizeRule,
    options: GenerateOptions,
    settings: Partial<GenerationDefaults>,
    readonly published?: string,
  ) {
    for (const name of ["width", "height", "frames", "fps", "steps", "guidance"] as const)
      if (settings[name] === undefined)
        throw new RangeError(`options.${name} is missing: this is no published model, so there is no default`);
    this.#settings = settings as GenerationDefaults;
    const { width, height, frames } = this.#settings;
    checkVideoSize({ width, height, frames }, rule);
    checkImages(components, options);
    const { spatialFactor, temporalFactor } = components.vae;
    this.#size = {
      frames: 1 + (frames - 1) / temporalFactor,
      height: height / spatialFactor,
      width: width / spatialFactor,
    };
    this.#components = components;
    this.#options = options;
  }

  async run(): Promise<GeneratedVideo> {
    const { seed, noise } = this.#noise();
    const clock = new StageClock();
    const schedule = this.#schedule();
    const timesteps = schedule.steps.map(({ timestep }) => timestep);
    const plan = this.#expertPlan(timesteps);
    const sparse = this.#sparse(timesteps);
    const meter = new ProgressMeter(await this.#work(plan), this.#options.onProgress);
    const { prompt, negative, textRows } = await clock.time("text", () => this.#text(plan, meter));
    const conditions = await clock.time("image", () =>
      prepareImages(this.#components, this.#options, this.#size, meter),
    );
    const { signal } = this.#options;
    const task: DenoiseTask = {
      ...{ components: this.#components, schedule, plan, size: this.#size, noise },
      ...{ prompt, negative, textRows, conditions, ...(signal && { signal }), ...(sparse && { sparse }) },
    };
    const latents = await clock.time("denoise", () => this.#denoise(task, meter));
    const data = await clock.time("decode", () => this.#decode(latents, meter));
    const { width, height, frames, fps, steps, guidance } = this.#settings;
    const made = { width, height, frames, fps, data, latents, steps, guidance, shift: this.#settings.shift };
    const how = sparse ? { sparse: sparse.summary } : {};
    return { ...made, ...how, ...(seed === undefined ? {} : { seed }), seconds: clock.seconds };
  }

  #noise(): { seed?: number; noise: Float32Array } {
    const { frames, height, width } = this.#size;
    const count = this.#components.transformer.outChannels * frames * height * width;
    const { noise, seed = Math.floor(Math.random() * 2 ** 32) } = this.#options;
    if (!noise) return { seed, noise: new TorchRandom(seed).normal(count) };
    if (noise.length !== count) throw new RangeError(`options.noise must be ${count} numbers, got ${noise.length}`);
    return { noise };
  }

  #schedule() {
    const { steps, shift } = this.#settings;
    return scheduleFromConfig(this.#components.scheduler, { steps, ...(shift === undefined ? {} : { shift }) });
  }

  #sparse(timesteps: readonly number[]): SparsePlan | undefined {
    const { sparse = false } = this.#options;
    if (sparse === false) return undefined;
    const { width, height, frames } = this.#settings;
    const options = sparse === true ? {} : sparse;
    return sparsePlan(this.#components, this.published, { width, height, frames }, timesteps, options);
  }

  #expertPlan(timesteps: readonly number[]) {
    const { guidance, guidance2 = guidance } = this.#settings;
    return expertPlan(timesteps, this.#components.boundary, guidance, guidance2);
  }

  /** All the work there will be, for the progress; the encoders of text and image count for little. */
  async #work(plan: readonly ExpertStep[]): Promise<number> {
    const calls = plan.reduce((sum, { guidance }) => sum + (needsNegative(guidance) ? 2 : 1), 0);
    const shape = { size: this.#size, textRows: await this.#textRows(), imageRows: 0, firstGiven: false };
    const call = transformerFlop(await this.#components.expert(plan[0].component), shape);
    const decode = decodeFlop(await this.#components.decoder(), this.#size, await this.#tiles());
    return calls * call + decode + (await imageFlop(this.#components, this.#options, this.#size));
  }

  async #textRows(): Promise<number> {
    return this.#options.textRows ?? (await this.#components.textRows());
  }

  async #text(plan: readonly ExpertStep[], meter: ProgressMeter) {
    const { prompt, negativePrompt = "", signal } = this.#options;
    const textRows = await this.#textRows();
    const width = this.#components.transformer.textDim;
    const encode = async (text: typeof prompt) =>
      padFeatures(await textFeatures(this.#components, text, textRows, meter, signal), textRows, width);
    const features = await encode(prompt);
    const guided = plan.some(({ guidance }) => needsNegative(guidance));
    const negative = guided ? await encode(negativePrompt) : undefined;
    await this.#components.release("text_encoder");
    return { prompt: features, negative, textRows };
  }

  async #denoise(task: DenoiseTask, meter: ProgressMeter): Promise<Float32Array> {
    const previewer = new Previewer(this.#components, this.#size);
    let latents = task.noise;
    for await (const result of denoise(task, meter)) {
      latents = result.latents;
      await this.#report(result, task, previewer);
    }
    return latents;
  }

  async #report(result: StepResult, task: DenoiseTask, previewer: Previewer): Promise<void> {
    const { frames } = this.#size;
    const preview = (frame = Math.floor(frames / 2)) => previewer.frame(result.latents, frame);
    const sparse = task.sparse ? { sparse: task.sparse.summary } : {};
    await this.#options.onStep?.({ ...result, ...sparse, steps: task.schedule.steps.length, preview });
  }

  async #decode(latents: Float32Array, meter: ProgressMeter): Promise<Uint8Array> {
    const { width, height, frames } = this.#settings;
    const { signal } = this.#options;
    const data = new Uint8Array(frames * height * width * 3);
    const sink = byteSink(data, height, width);
    const context = await this.#components.decoder();
    const task = { context, size: this.#size, latents, ...(signal && { signal }) };
    const tiles = await this.#tiles();
    if (tiles) await decodeTiled(task, tiles, meter, sink);
    else await decodeWhole(task, meter, sink);
    await this.#components.release("vae");
    return data;
  }

  async #tiles(): Promise<TileRule | undefined> {
    return tilesFor(await this.#components.decoder(), this.#size, this.#options.tiling ?? "auto");
  }
}

/** Seconds by stage. */
class StageClock {
  readonly seconds = { text: 0, image: 0, denoise: 0, decode: 0 };

  async time<T>(stage: keyof StageClock["seconds"], work: () => Promise<T>): Promise<T> {
    const begin = performance.now();
    try {
      return await work();
    } finally {
      this.seconds[stage] = (performance.now() - begin) / 1000;
    }
  }
}
