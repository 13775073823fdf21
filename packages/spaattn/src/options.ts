import type {
  Behaviour,
  Extra,
  LevelsOptions,
  Policy,
  Rectify,
  RunOptions,
  TailOptions,
  TokenLayout,
} from "@spaattn/attention";
import { checkFields, type FloatDType } from "@spaattn/core";
import type { Grid } from "@spaattn/layout";
import type { BackendChoice } from "./resolve-backend.js";

/** Options of `rectifiedAttention`. Only the shape is needed, and not even that for tensors. */
export interface RectifiedAttentionOptions extends RunOptions {
  /** `[batch, heads, tokens, headDim]`; or give `heads`, `headDim` and `batch`. Tensors bring their own. */
  readonly shape?: readonly [batch: number, heads: number, tokens: number, headDim: number];
  readonly heads?: number;
  readonly headDim?: number;
  /** Default 1. */
  readonly batch?: number;
  /** Default: the grid's tokens, else all tokens that are no text. */
  readonly visualTokens?: number;
  /** Text slots behind the visual tokens; default 0, or what `visualTokens` leaves over. */
  readonly textTokens?: number;
  /** Valid text tokens, for all batch items or for each. Default: all slots. */
  readonly textValid?: number | readonly number[];

  /** Token grid `[t, h, w]` of tokens in raster order: they are put along a space-filling curve and back. */
  readonly grid?: Grid;
  /** A layout made before (`videoLayout`), in place of `grid`. */
  readonly layout?: TokenLayout;
  /** Order of the tokens given: `"raster"` (default with a grid) or `"curve"` (they already are in curve order). */
  readonly tokenOrder?: "raster" | "curve";

  /** Share of the blocks to skip; one, or one per head. Default 0.8. */
  readonly dropRate?: number | readonly number[];
  /** Probability mass to cover at least (the paper's p); more blocks than `dropRate` leaves where it takes more. */
  readonly coverMass?: number | readonly number[];
  /** A policy of your own, in place of `dropRate` and `coverMass`. */
  readonly policy?: Policy;
  /** What happens to skipped blocks; default `"tail"`. */
  readonly rectify?: Rectify;
  readonly tail?: Partial<TailOptions>;
  /** Parameters of `rectify: "levels"`, such as its `budget`. */
  readonly levels?: LevelsOptions;
  readonly behaviour?: Behaviour;
  /** True: compute every block. */
  readonly dense?: boolean;
  /** 128 (default) or 64. */
  readonly blockSize?: number;
  /** Softmax scale; default `headDim ** -0.5`. */
  readonly scale?: number;

  /** What the bits of `Uint16Array` inputs mean; needed for them. */
  readonly dtype?: FloatDType;
  /** Default: the inputs'. */
  readonly outputDtype?: FloatDType;
  /** Tensors to return besides the output, such as `"mask"` or `"lse"`. */
  readonly extras?: readonly Extra[];
  /** A name, a package, a provider, or a running backend. Default `"cpu"`. */
  readonly backend?: BackendChoice;
}

const NAMES: Record<keyof RectifiedAttentionOptions, true> = {
  shape: true,
  heads: true,
  headDim: true,
  batch: true,
  visualTokens: true,
  textTokens: true,
  textValid: true,
  grid: true,
  layout: true,
  tokenOrder: true,
  dropRate: true,
  coverMass: true,
  policy: true,
  rectify: true,
  tail: true,
  levels: true,
  behaviour: true,
  dense: true,
  blockSize: true,
  scale: true,
  dtype: true,
  outputDtype: true,
  extras: true,
  backend: true,
  site: true,
  signal: true,
  onProgress: true,
};

/** Throws for options that are no object, or misspelt: an option that is silently ignored costs an afternoon. */
export function checkOptionNames(options: unknown): asserts options is RectifiedAttentionOptions {
  checkFields("options", options, Object.keys(NAMES));
  for (const [name, value] of Object.entries(options))
    if (value === null) throw new TypeError(`options.${name} must not be null; leave it out for its default`);
}
