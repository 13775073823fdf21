import { SpaAttnError } from "@spaattn/core";
import { guide, needsNegative } from "../guidance.js";
import { Sampler } from "../schedulers/sampler.js";
import type { Schedule } from "../schedulers/schedule.js";
import { concatChannels, type LatentSize } from "../wan/condition.js";
import type { ExpertStep } from "../wan/experts.js";
import { withFirstFrame } from "../wan/first-frame.js";
import type { Components, Expert } from "./components.js";
import type { ImageConditions } from "./inputs.js";
import type { Network } from "./network.js";
import type { ProgressMeter } from "./progress.js";
import type { SparsePlan } from "./sparse.js";
import { createTransformer, setTimestep, type TransformerShape } from "./transformer.js";

export interface DenoiseTask {
  readonly components: Components;
  readonly schedule: Schedule;
  /** For every step: the transformer and its guidance. */
  readonly plan: readonly ExpertStep[];
  readonly size: LatentSize;
  readonly noise: Float32Array;
  /** Padded features, `[textRows, textDim]`. */
  readonly prompt: Float32Array;
  readonly negative: Float32Array | undefined;
  readonly textRows: number;
  readonly conditions: ImageConditions;
  /** Absent: every attention is dense. */
  readonly sparse?: SparsePlan;
  readonly signal?: AbortSignal;
}

export interface StepResult {
  readonly step: number;
  readonly timestep: number;
  readonly latents: Float32Array;
  readonly output: Float32Array;
  readonly negativeOutput?: Float32Array;
}

const transformerShape = ({ size, textRows, conditions }: DenoiseTask): TransformerShape => ({
  size,
  textRows,
  imageRows: conditions.features?.rows ?? 0,
  firstGiven: conditions.first !== undefined,
});

/** The denoising loop: yields after every step; the last yield's latents are the result. */
export async function* denoise(task: DenoiseTask, meter: ProgressMeter): AsyncGenerator<StepResult> {
  const { components, schedule, plan, size, conditions, prompt, negative, signal } = task;
  const sampler = new Sampler(schedule, task.noise);
  const experts = new Experts(task);
  try {
    for (const [step, { timestep }] of schedule.steps.entries()) {
      const { component, guidance } = plan[step];
      const network = await experts.get(component, step);
      const call = async (text: Float32Array) => {
        await network.set("text", [1, task.textRows, components.transformer.textDim], text);
        const at = { step: step + 1, steps: schedule.steps.length };
        const { options, finish } = meter.begin("denoise", network.flop, signal, at);
        await network.run(options);
        finish();
        return finite(await network.read("velocity"), network, experts, component, step);
      };
      const { shape, values } = modelInput(task, sampler.sample);
      await network.set("latents", shape, values);
      await setTimestep(network, timestep, conditions.first !== undefined);
      const output = await call(prompt);
      const negativeOutput = negative && needsNegative(guidance) ? await call(negative) : undefined;
      sampler.step(negativeOutput ? guide(output, negativeOutput, guidance) : output);
      const done = sampler.done && conditions.first;
      const latents = done ? withFirstFrame(sampler.sample, done, size) : sampler.sample;
      yield { step: step + 1, timestep, latents, output, ...(negativeOutput && { negativeOutput }) };
    }
  } finally {
    await experts.dispose();
  }
}

/** Noisy latents as the model takes them: with the condition's channels, or with the given first frame. */
function modelInput({ components, size, conditions }: DenoiseTask, sample: Float32Array) {
  const { frames, height, width } = size;
  const shape = [1, components.transformer.inChannels, frames, height, width];
  if (conditions.channels) return { shape, values: concatChannels(sample, conditions.channels) };
  return { shape, values: conditions.first ? withFirstFrame(sample, conditions.first, size) : sample };
}

/** The transformers of a generation, dense or sparse, one compiled at a time. */
class Experts {
  #current: { readonly component: Expert; readonly dense: boolean; readonly network: Network } | undefined;

  constructor(readonly task: DenoiseTask) {}

  async get(component: Expert, step: number): Promise<Network> {
    const { components, conditions, sparse } = this.task;
    const dense = sparse?.isDense(step) ?? true;
    const current = this.#current;
    if (current?.component === component && current.dense === dense) return current.network;
    await this.#leave(current?.component !== component);
    const options =
      dense || !sparse ? {} : { order: sparse.order, attention: (layer: number) => sparse.attention(step, layer) };
    const network = await createTransformer(await components.expert(component), transformerShape(this.task), options);
    this.#current = { component, dense, network };
    const { features } = conditions;
    if (features) {
      const width = features.values.length / features.rows;
      await network.set("image", [1, features.rows, width], features.values);
    }
    return network;
  }

  dispose(): Promise<void> {
    return this.#leave(true);
  }

  /** @param weights whether they are not needed any more */
  async #leave(weights: boolean): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    current?.network.dispose();
    if (current && weights) await this.task.components.release(current.component);
  }
}

/** @throws SpaAttnError where a network gave something that is no number, with the weight at fault where there is one */
async function finite(
  values: Float32Array,
  network: Network,
  { task }: Experts,
  component: Expert,
  step: number,
): Promise<Float32Array> {
  if (values.every(Number.isFinite)) return values;
  await (await task.components.expert(component)).store.blame();
  throw new SpaAttnError(
    "Unsupported",
    `The transformer gave NaN or infinity in step ${step + 1} on "${network.device.name}".`,
    {
      remedy: "Compute in f32 or bf16; f16 overflows in some models.",
    },
  );
}
