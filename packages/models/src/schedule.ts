import { expertCount, type ModelCard } from "./card.js";

/** The two halves of classifier-free guidance. Models with one forward per step have `conditional` alone. */
export type Branch = "conditional" | "unconditional";

/** One pass through a transformer. */
export interface Forward {
  /** Counted over the whole generation. */
  readonly index: number;
  /** Denoising step, whatever the number of forwards. */
  readonly step: number;
  readonly branch: Branch;
  /** Transformer that runs: 0, or 1 for the second of a two-expert model. */
  readonly expert: number;
  /** Steps this transformer has done before. */
  readonly expertStep: number;
  /** True: all layers attend densely in this step. */
  readonly dense: boolean;
}

export interface ScheduleOptions {
  readonly steps: number;
  /** False: no second branch, no second half of the batch (guidance scale 1). */
  readonly guidance: boolean;
  readonly denseLayers: readonly number[];
  readonly denseSteps: readonly number[];
  /** Steps done by the first of two experts. */
  readonly switchStep: number;
}

/** When each layer is dense, over a whole generation (docs/models.md#table). */
export interface Schedule {
  readonly steps: number;
  readonly branches: readonly Branch[];
  /** Steps of the first of two experts; all steps with one. */
  readonly switchStep: number;
  /** Layers of each transformer that are always dense. */
  readonly denseLayers: readonly number[];
  /** Steps in which every layer is dense. */
  readonly denseSteps: readonly number[];
  readonly forwards: readonly Forward[];
}

export function makeSchedule(card: ModelCard, options: ScheduleOptions): Schedule {
  const { steps, denseLayers } = options;
  const branches: Branch[] =
    options.guidance && card.guidance.kind === "branches" ? ["conditional", "unconditional"] : ["conditional"];
  const switchStep = expertCount(card) === 1 ? steps : Math.min(options.switchStep, steps);
  const forwards: Forward[] = [];
  const denseSteps: number[] = [];
  for (let step = 0; step < steps; step++) {
    const expert = step < switchStep ? 0 : 1;
    const expertStep = expert === 0 ? step : step - switchStep;
    const dense = expertStep < (options.denseSteps[expert] ?? 0);
    if (dense) denseSteps.push(step);
    for (const branch of branches) forwards.push({ index: forwards.length, step, branch, expert, expertStep, dense });
  }
  return { steps, branches, switchStep, denseLayers, denseSteps, forwards };
}

/**
 * Steps the first of two experts handles: timesteps of at least `boundaryRatio * trainTimesteps` (section 8.0).
 *
 * @param timesteps those of the scheduler in use, descending.
 */
export const switchStepOf = (timesteps: readonly number[], boundaryRatio: number, trainTimesteps = 1000): number =>
  timesteps.filter((timestep) => timestep >= boundaryRatio * trainTimesteps).length;

/** Timesteps of a flow-matching scheduler: noise levels `1 - i / steps`, moved by `shift`, on the training range. */
export const flowTimesteps = (steps: number, shift: number, trainTimesteps = 1000): number[] =>
  Array.from({ length: steps }, (_, i) => {
    const sigma = 1 - i / steps;
    return (trainTimesteps * shift * sigma) / (1 + (shift - 1) * sigma);
  });
