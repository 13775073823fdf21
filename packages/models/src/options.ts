import type { Behaviour, LevelsOptions, Policy, Rectify, TailOptions } from "@spaattn/attention";
import type { FloatDType } from "@spaattn/core";
import type { StepCacheOptions } from "./cache-rule.js";
import { expertCount, type ModelCard, type VideoSize } from "./card.js";
import { type CalibratedPreset, namedPreset, type PresetName, parsePreset } from "./preset.js";
import { flowTimesteps, makeSchedule, type Schedule, switchStepOf } from "./schedule.js";

/** What a person may say about a model. Everything has a default: the original's script, with its defects mended. */
export interface AdapterOptions {
  /** Default size of `layout()`, `attention()` and the others; missing numbers are the model's own. */
  readonly size?: Partial<VideoSize>;
  /** A named preset, or the contents of a file made by `calibrate`. */
  readonly preset?: PresetName | CalibratedPreset;
  /** Share of the visual blocks that is not computed. */
  readonly dropRate?: number;
  /** Probability mass the computed blocks must exceed (p). Default 0 with tail and levels, else 0.3. */
  readonly coverMass?: number;
  /** Always compute blocks that touch the query block. Default false with tail and levels, else true. */
  readonly neighbours?: boolean;
  /** Blocks of the first frame for every row, or with dense rows of their own. Default false (see 8.1 no. 1). */
  readonly firstFrame?: false | "sink" | "dense";
  /** Replaces all of the above. */
  readonly policy?: Policy;
  /** Default `tail`; `paper` with `behaviour: "reference"`, since tail has no reference. */
  readonly rectify?: Rectify;
  readonly tail?: Partial<TailOptions>;
  /** Parameters of `rectify: "levels"`; its budget follows from `dropRate` unless given here. */
  readonly levels?: LevelsOptions;
  readonly behaviour?: Behaviour;
  /** False: every call is dense. Default true (8.1 no. 15). */
  readonly sparse?: boolean;
  readonly blockSize?: number;
  readonly dtype?: FloatDType;
  /** Order of the caller's tensors; `raster` is the model's own sequence. `curve`: tokens permuted once per forward. */
  readonly tokenOrder?: "raster" | "curve";
  readonly textTokens?: number;
  readonly denseLayers?: readonly number[];
  /** Dense steps at the start; one number, or one per expert. */
  readonly denseSteps?: number | readonly number[];
  readonly steps?: number;
  /** False: guidance scale 1, one branch and no second half of the batch. */
  readonly guidance?: boolean;
  /** Two-expert models: steps done by the first. Default from `timesteps`, or a flow-matching schedule. */
  readonly switchStep?: number;
  /** Timesteps of the scheduler in use, descending. */
  readonly timesteps?: readonly number[];
  readonly stepCache?: StepCacheOptions;
  /** For siblings of a model: fewer layers (distilled), other heads. */
  readonly architecture?: Partial<Pick<ModelCard, "layers" | "heads" | "headDim" | "rotary">>;
}

/** Options with all defaults filled in. */
export interface Settings {
  readonly card: ModelCard;
  readonly size: VideoSize;
  readonly preset?: CalibratedPreset;
  readonly dropRate: number;
  readonly coverMass: number;
  readonly neighbours: boolean;
  readonly firstFrame: false | "sink" | "dense";
  readonly policy?: Policy;
  readonly rectify: Rectify;
  readonly tail?: Partial<TailOptions>;
  readonly levels?: LevelsOptions;
  readonly behaviour: Behaviour;
  readonly sparse: boolean;
  readonly blockSize: number;
  readonly dtype: FloatDType;
  readonly tokenOrder: "raster" | "curve";
  readonly textTokens: number;
  readonly batch: number;
  readonly schedule: Schedule;
  readonly stepCache: StepCacheOptions;
}

/** @throws RangeError that names the option. */
export function resolveOptions(model: ModelCard, options: AdapterOptions): Settings {
  const card = { ...model, ...options.architecture };
  const channels = card.rotary.axes.reduce((sum, dim) => sum + dim, 0);
  if (channels !== card.headDim)
    throw new RangeError(`architecture.rotary.axes cover ${channels} channels, but headDim is ${card.headDim}`);
  const behaviour = options.behaviour ?? "corrected";
  const reference = behaviour === "reference";
  const rectify = options.rectify ?? (reference ? "paper" : "tail");
  const preset = typeof options.preset === "object" ? parsePreset(options.preset) : undefined;
  const named = namedPreset(typeof options.preset === "string" ? options.preset : "balanced", card);
  const dropRate = options.dropRate ?? named.dropRate;
  if (!(dropRate >= 0 && dropRate <= 1)) throw new RangeError(`dropRate must be between 0 and 1, got ${dropRate}`);
  const textTokens = options.textTokens ?? card.text?.slots ?? 0;
  if (!card.text && textTokens > 0)
    throw new RangeError(`textTokens must be 0: ${card.title} has no text in self-attention, got ${textTokens}`);
  const guidance = options.guidance ?? true;
  // These modes keep what is left out as summaries: neither mass nor neighbours have to be secured.
  const summaries = rectify === "tail" || rectify === "levels";
  return {
    card,
    size: { ...card.defaultSize, ...options.size },
    ...(preset ? { preset } : {}),
    dropRate,
    coverMass: options.coverMass ?? (summaries ? 0 : 0.3),
    neighbours: options.neighbours ?? !summaries,
    firstFrame: options.firstFrame ?? (reference && card.firstFrameRule ? "sink" : false),
    ...(options.policy ? { policy: options.policy } : {}),
    rectify,
    ...(options.tail ? { tail: options.tail } : {}),
    ...(options.levels ? { levels: options.levels } : {}),
    behaviour,
    sparse: options.sparse ?? (reference ? card.sparseInScripts : true),
    blockSize: options.blockSize ?? 128,
    dtype: options.dtype ?? "f32",
    tokenOrder: options.tokenOrder ?? "raster",
    textTokens,
    batch: guidance && card.guidance.kind === "batch" ? 2 : 1,
    schedule: scheduleOf(card, options, guidance),
    stepCache: { threshold: named.threshold, ...options.stepCache },
  };
}

function scheduleOf(card: ModelCard, options: AdapterOptions, guidance: boolean): Schedule {
  const steps = options.steps ?? options.timesteps?.length ?? card.steps;
  count("steps", steps, 1);
  if (options.timesteps && options.timesteps.length !== steps)
    throw new RangeError(`timesteps lists ${options.timesteps.length} values, but steps is ${steps}`);
  const denseLayers = options.denseLayers ?? card.denseLayers.filter((layer) => layer < card.layers);
  for (const [i, layer] of denseLayers.entries()) {
    count(`denseLayers[${i}]`, layer, 0);
    if (layer >= card.layers)
      throw new RangeError(`denseLayers[${i}] is ${layer}, but ${card.title} has ${card.layers} layers`);
  }
  const given = options.denseSteps;
  const experts = expertCount(card);
  const denseSteps = typeof given === "number" ? new Array<number>(experts).fill(given) : (given ?? card.denseSteps);
  if (denseSteps.length !== experts)
    throw new RangeError(
      `denseSteps lists ${denseSteps.length} numbers, but ${card.title} has ${experts} transformers`,
    );
  for (const [i, dense] of denseSteps.entries()) count(`denseSteps[${i}]`, dense, 0);
  if (options.switchStep !== undefined) count("switchStep", options.switchStep, 0);
  return makeSchedule(card, { steps, guidance, denseLayers, denseSteps, switchStep: switchOf(card, options, steps) });
}

function switchOf(card: ModelCard, options: AdapterOptions, steps: number): number {
  if (!card.experts) return steps;
  const { boundaryRatio, flowShift } = card.experts;
  return options.switchStep ?? switchStepOf(options.timesteps ?? flowTimesteps(steps, flowShift), boundaryRatio);
}

function count(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw new RangeError(`${name} must be an integer of at least ${least}, got ${value}`);
}
