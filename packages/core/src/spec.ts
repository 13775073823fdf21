import type { FloatDType } from "./dtype.js";
import { type Geometry, makeGeometry } from "./geometry.js";
import type { TokenLayout } from "./layout.js";
import { type Policy, topBlocks } from "./policy.js";

/** What happens to the blocks that are not computed. */
export type Rectify = "none" | "paper" | "tail";

/** `corrected` mends every item of algorithm.md 8.1; `reference` reproduces the original, for comparison. */
export type Behaviour = "corrected" | "reference";

/** How keys are split inside a block (beyond.md section 3). */
export type Strata = "local" | "eigen" | "contiguous";

/** Parameters of tail rectification (beyond.md section 10). */
export interface TailOptions {
  /** Strata per key block, a power of two that divides the block size (1, 2, 4 or 8). */
  readonly strataPerBlock: number;
  readonly strata: Strata;
  /** Power iterations of the split. */
  readonly steps: number;
  /** Query blocks per anchor, or `"all"`. */
  readonly group: number | "all";
  /** Cap of the second-order shift in the bias, in nats. */
  readonly hMax: number;
  /** Cap of the logit variance in the error estimate. */
  readonly tauMax: number;
  /** Floor of the tangent offset in the shift. */
  readonly mMin: number;
}

export const TAIL_DEFAULTS: TailOptions = {
  strataPerBlock: 4,
  strata: "local",
  steps: 8,
  group: "all",
  hMax: 1,
  tauMax: 6,
  mMin: 1e-3,
};

/** Tensors a run can return besides `output`; shapes in `plan.ts`. */
export type Extra =
  | "lse"
  | "mask"
  | "queryMean"
  | "keyMean"
  | "valueMean"
  | "queryDeviation"
  | "keyDeviation"
  | "scores"
  | "probabilities"
  | "gain"
  | "factor"
  | "compensation"
  | "anchor"
  | "querySpread"
  | "order"
  | "strataKey"
  | "strataValue"
  | "strataMass"
  | "strataSpread"
  | "strataNoise"
  | "logitVariance"
  | "bias"
  | "strataBias"
  | "blockError"
  | "blockMass";

/** One attention call, as a person writes it. Tensors are `[batch, heads, visualTokens + textTokens, headDim]`. */
export interface AttentionSpec {
  readonly batch?: number;
  readonly heads: number;
  readonly headDim: number;
  readonly visualTokens: number;
  readonly textTokens?: number;
  /** Valid text tokens per batch item (a number: for all items). Default: all slots. */
  readonly textValid?: number | readonly number[];
  /** 128 (default) or 64. */
  readonly blockSize?: number;
  /** Softmax scale; default `headDim ** -0.5`. */
  readonly scale?: number;
  /** Of query, key and value; default `f32`. */
  readonly dtype?: FloatDType;
  /** Of the output; default `dtype`. */
  readonly outputDtype?: FloatDType;
  /** True: every block is computed, `policy` and `rectify` are ignored. */
  readonly dense?: boolean;
  /** Default `topBlocks({ dropRate: 0.8 })`. */
  readonly policy?: Policy;
  /** Default `"tail"`. */
  readonly rectify?: Rectify;
  readonly tail?: Partial<TailOptions>;
  readonly behaviour?: Behaviour;
  readonly layout?: TokenLayout;
  /** Order of the caller's tensors: `raster` is permuted in and out. Default `raster` with a layout, else `curve`. */
  readonly tokenOrder?: "raster" | "curve";
  readonly extras?: readonly Extra[];
}

/** A spec with every default filled in and every value checked. */
export interface ResolvedSpec {
  readonly geometry: Geometry;
  readonly dtype: FloatDType;
  readonly outputDtype: FloatDType;
  readonly dense: boolean;
  readonly policy: Policy;
  readonly rectify: Rectify;
  readonly tail: TailOptions;
  readonly behaviour: Behaviour;
  readonly layout?: TokenLayout;
  readonly permute: boolean;
  readonly extras: readonly Extra[];
}

const FLOATS: readonly string[] = ["f32", "f16", "bf16"];

function integer(name: string, value: unknown, least: number): void {
  if (!Number.isSafeInteger(value) || (value as number) < least)
    throw new RangeError(`spec.${name} must be an integer of at least ${least}, got ${String(value)}`);
}

function oneOf(name: string, value: unknown, allowed: readonly unknown[]): void {
  if (!allowed.includes(value))
    throw new RangeError(`spec.${name} must be ${allowed.join(" or ")}, got ${String(value)}`);
}

/**
 * Checks a spec and fills in the defaults.
 *
 * @throws TypeError or RangeError that names the field.
 */
export function resolveSpec(spec: AttentionSpec): ResolvedSpec {
  const batch = spec.batch ?? 1;
  const textTokens = spec.textTokens ?? 0;
  const blockSize = spec.blockSize ?? 128;
  const { heads, headDim, visualTokens, layout } = spec;
  integer("batch", batch, 1);
  integer("heads", heads, 1);
  integer("headDim", headDim, 1);
  integer("visualTokens", visualTokens, 1);
  integer("textTokens", textTokens, 0);
  oneOf("blockSize", blockSize, [64, 128]);
  if (spec.scale !== undefined && !Number.isFinite(spec.scale))
    throw new RangeError(`spec.scale must be a finite number, got ${spec.scale}`);
  const textValid =
    typeof spec.textValid === "object"
      ? [...spec.textValid]
      : new Array<number>(batch).fill(spec.textValid ?? textTokens);
  if (textValid.length !== batch)
    throw new RangeError(`spec.textValid lists ${textValid.length} values, but spec.batch is ${batch}`);
  textValid.forEach((valid, i) => {
    integer(`textValid[${i}]`, valid, 0);
    if (valid > textTokens)
      throw new RangeError(`spec.textValid[${i}] is ${valid}, but there are only ${textTokens} text tokens`);
  });
  const rectify = spec.rectify ?? "tail";
  const behaviour = spec.behaviour ?? "corrected";
  const dtype = spec.dtype ?? "f32";
  oneOf("rectify", rectify, ["none", "paper", "tail"]);
  oneOf("behaviour", behaviour, ["corrected", "reference"]);
  oneOf("dtype", dtype, FLOATS);
  oneOf("outputDtype", spec.outputDtype ?? dtype, FLOATS);
  if (behaviour === "reference" && textTokens > 0 && visualTokens % blockSize !== 0)
    throw new RangeError(
      `spec.visualTokens must be a multiple of ${blockSize} with text and behaviour "reference", got ${visualTokens}; ` +
        `the original fails there (algorithm.md 8.1 no. 11)`,
    );
  const tail = { ...TAIL_DEFAULTS, ...spec.tail };
  checkTail(tail, blockSize, Math.ceil(visualTokens / blockSize));
  const geometry = makeGeometry({
    batch,
    heads,
    headDim,
    visualTokens,
    textTokens,
    textValid,
    blockSize,
    ...scaleOf(spec),
  });
  checkLayout(layout, geometry);
  const tokenOrder = spec.tokenOrder ?? (layout ? "raster" : "curve");
  oneOf("tokenOrder", tokenOrder, ["raster", "curve"]);
  if (tokenOrder === "raster" && !layout)
    throw new TypeError('spec.tokenOrder "raster" needs spec.layout (see videoLayout in @spaattn/layout)');
  return {
    geometry,
    dtype,
    outputDtype: spec.outputDtype ?? dtype,
    dense: spec.dense ?? false,
    policy: spec.policy ?? topBlocks({ dropRate: 0.8 }),
    rectify,
    tail,
    behaviour,
    ...(layout ? { layout } : {}),
    permute: tokenOrder === "raster",
    extras: [...new Set(spec.extras ?? [])],
  };
}

const scaleOf = (spec: AttentionSpec) => (spec.scale === undefined ? {} : { scale: spec.scale });

function checkTail(tail: TailOptions, blockSize: number, blocks: number): void {
  const { strataPerBlock: c, strata, group } = tail;
  integer("tail.strataPerBlock", c, 1);
  if (blockSize % c !== 0 || (c & (c - 1)) !== 0)
    throw new RangeError(`spec.tail.strataPerBlock must be a power of two that divides ${blockSize}, got ${c}`);
  oneOf("tail.strata", strata, ["local", "eigen", "contiguous"]);
  if (strata === "eigen" && c > 4)
    throw new RangeError(`spec.tail.strataPerBlock must be at most 4 with strata "eigen", got ${c}`);
  integer("tail.steps", tail.steps, 1);
  if (group !== "all") integer("tail.group", group, 1);
  for (const name of ["hMax", "tauMax", "mMin"] as const)
    if (!(tail[name] >= 0)) throw new RangeError(`spec.tail.${name} must not be negative, got ${tail[name]}`);
  if (blocks < 1) throw new RangeError("spec.visualTokens must fill at least one block");
}

function checkLayout(layout: TokenLayout | undefined, geometry: Geometry): void {
  if (!layout) return;
  const [t, h, w] = layout.grid;
  if (t * h * w !== geometry.visualTokens)
    throw new RangeError(
      `spec.layout.grid ${t}x${h}x${w} has ${t * h * w} tokens, but spec.visualTokens is ${geometry.visualTokens}`,
    );
  if (layout.blockSize !== geometry.blockSize)
    throw new RangeError(`spec.layout.blockSize is ${layout.blockSize}, but spec.blockSize is ${geometry.blockSize}`);
  if (layout.order.length !== geometry.tokens)
    throw new RangeError(
      `spec.layout.order has ${layout.order.length} entries, but there are ${geometry.tokens} tokens (text included)`,
    );
}
