import type { Grid } from "@spaattn/layout";

export type ModelFamily = "hunyuanvideo" | "wan2.1" | "wan2.2" | "flux.1" | "cogvideox1.5";

/** Pixels of a generation. An image has one frame. */
export interface VideoSize {
  readonly frames: number;
  readonly height: number;
  readonly width: number;
}

/** How many forwards a step makes, and what they carry (docs/models.md#table, "guidance"). */
export interface Guidance {
  /** `distilled`: embedded in the model. `branches`: one forward each. `batch`: one forward with both halves. */
  readonly kind: "distilled" | "branches" | "batch";
  /** Guidance scale of each expert, as in the original's scripts. */
  readonly scale: readonly number[];
}

/** What a step cache watches (docs/models.md#step-cache). */
export type Indicator = "modulated input" | "time embedding" | "projected time embedding";

/** Facts of the step cache of one model (docs/models.md#step-cache). */
export interface CacheCard {
  readonly indicator: Indicator;
  /** Highest power first. */
  readonly coefficients: readonly number[];
  /** Where the original uses other ones (docs/corrections.md#no-14). */
  readonly referenceCoefficients?: readonly number[];
  /** The original's script. */
  readonly threshold: number;
  /** Published thresholds by name, from the most careful to the fastest; named after the speed-up where one is stated. */
  readonly thresholds: Readonly<Record<string, number>>;
  /** Steps at the start of each expert that are always computed. */
  readonly firstSteps: readonly number[];
  /** The last step of the generation is always computed. */
  readonly lastStep: boolean;
  /** Fitted without the retention window: another indicator; the first and the last step are always computed. */
  readonly withoutRetention?: { readonly indicator: Indicator; readonly coefficients: readonly number[] };
  /** Token streams whose residual is kept. */
  readonly residuals: readonly ("visual" | "text")[];
}

/** Rotary embedding: `theta`, and the head channels given to the t, h and w coordinate. */
export interface RotaryFormula {
  readonly theta: number;
  readonly axes: readonly [t: number, h: number, w: number];
}

/** A model as a table of facts (docs/models.md#table). */
export interface ModelCard {
  /** The name on the command line, such as `wan2.1-t2v-14b`. */
  readonly name: string;
  readonly family: ModelFamily;
  readonly title: string;
  readonly defaultSize: VideoSize;
  /** Pixels per latent cell. */
  readonly vaeStride: Grid;
  /** Latent cells per token. */
  readonly patch: Grid;
  /** Remainders of `frames` modulo the temporal stride of the VAE that are valid; absent for images. */
  readonly frameRemainders?: readonly number[];
  /** The original's frame count, where it differs (docs/corrections.md#no-13). */
  readonly referenceFrames?: (frames: number) => number;
  /** Attention layers of one transformer, in execution order. */
  readonly layers: number;
  /** Stretches of layers with a name of their own, e.g. dual and single. */
  readonly layerGroups: readonly { readonly name: string; readonly layers: number }[];
  readonly heads: number;
  readonly headDim: number;
  /** Text in self-attention: slots, and where they sit in the model's own sequence. */
  readonly text?: { readonly slots: number; readonly order: "behind" | "front" };
  readonly rotary: RotaryFormula;
  /** Two transformers, switched when the timestep falls below `boundaryRatio` of the training range. */
  readonly experts?: { readonly boundaryRatio: number; readonly flowShift: number };
  readonly steps: number;
  readonly guidance: Guidance;
  /** The original's script. */
  readonly dropRate: number;
  /** The original has a first-frame rule for this model (docs/method.md#selection, step 6). */
  readonly firstFrameRule: boolean;
  readonly denseLayers: readonly number[];
  /** Dense steps at the start of each expert. */
  readonly denseSteps: readonly number[];
  /** The original's script runs sparse without being asked to (docs/corrections.md#no-15). */
  readonly sparseInScripts: boolean;
  readonly stepCache: CacheCard;
}

/** Transformers of a model. */
export const expertCount = (card: ModelCard): number => (card.experts ? 2 : 1);
