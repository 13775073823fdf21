import { binaryKind, checkFields, checkFlag, describeValue } from "@spaattn/core";
import { integer, oneOf } from "./check.js";
import { type Geometry, makeGeometry } from "./geometry.js";
import type { TokenLayout } from "./layout.js";
import { resolveLevels } from "./levels/resolve.js";
import { checkPolicy, topBlocks } from "./policy.js";
import { type AttentionSpec, EXTRAS, type ResolvedSpec, TAIL_DEFAULTS, type TailOptions } from "./spec.js";

const FLOATS: readonly string[] = ["f32", "f16", "bf16"];

/** Every field a spec may have: one that is misspelt must not be ignored. */
const FIELDS: Record<keyof AttentionSpec, true> = {
  batch: true,
  heads: true,
  headDim: true,
  visualTokens: true,
  textTokens: true,
  textValid: true,
  blockSize: true,
  scale: true,
  dtype: true,
  outputDtype: true,
  dense: true,
  policy: true,
  rectify: true,
  tail: true,
  levels: true,
  behaviour: true,
  layout: true,
  tokenOrder: true,
  extras: true,
};

/** Tokens and blocks are numbered by 32-bit integers. */
const MOST_TOKENS = 2 ** 31 - 1;
const MOST_HEADS = 2 ** 20;

// Missing means undefined alone: null is what JSON makes of NaN, and no default was asked for.
function or<T>(value: T | undefined, otherwise: T): T {
  return value === undefined ? otherwise : value;
}

/**
 * Checks a spec and fills in the defaults.
 *
 * @throws TypeError or RangeError that names the field.
 */
export function resolveSpec(spec: AttentionSpec): ResolvedSpec {
  checkFields("spec", spec, Object.keys(FIELDS));
  const batch = or(spec.batch, 1);
  const textTokens = or(spec.textTokens, 0);
  const blockSize = or(spec.blockSize, 128);
  const { heads, headDim, visualTokens, layout } = spec;
  integer("batch", batch, 1, MOST_HEADS);
  integer("heads", heads, 1, MOST_HEADS);
  integer("headDim", headDim, 1, MOST_HEADS);
  integer("visualTokens", visualTokens, 1, MOST_TOKENS);
  integer("textTokens", textTokens, 0, MOST_TOKENS - visualTokens);
  oneOf("blockSize", blockSize, [64, 128]);
  if (spec.scale !== undefined && !Number.isFinite(spec.scale))
    throw new RangeError(`spec.scale must be a finite number, got ${describeValue(spec.scale)}`);
  const textValid = Array.isArray(spec.textValid)
    ? [...spec.textValid]
    : new Array<number>(batch).fill(or(spec.textValid as number | undefined, textTokens));
  if (textValid.length !== batch)
    throw new RangeError(`spec.textValid lists ${textValid.length} values, but spec.batch is ${batch}`);
  textValid.forEach((valid, i) => {
    integer(`textValid[${i}]`, valid, 0);
    if (valid > textTokens)
      throw new RangeError(`spec.textValid[${i}] is ${valid}, but there are only ${textTokens} text tokens`);
  });
  const rectify = or(spec.rectify, "tail");
  const behaviour = or(spec.behaviour, "corrected");
  const dtype = or(spec.dtype, "f32");
  const outputDtype = or(spec.outputDtype, dtype);
  oneOf("rectify", rectify, ["none", "paper", "tail", "levels"]);
  oneOf("behaviour", behaviour, ["corrected", "reference"]);
  oneOf("dtype", dtype, FLOATS);
  oneOf("outputDtype", outputDtype, FLOATS);
  checkFlag("spec.dense", spec.dense);
  if (spec.policy !== undefined) checkPolicy("spec.policy", spec.policy);
  checkExtras(spec.extras);
  if (behaviour === "reference" && textTokens > 0 && visualTokens % blockSize !== 0)
    throw new RangeError(
      `spec.visualTokens must be a multiple of ${blockSize} with text and behaviour "reference", got ${visualTokens}; ` +
        `the original fails there (docs/corrections.md#no-11)`,
    );
  if (behaviour === "reference" && textTokens > 0 && textValid.includes(0))
    throw new RangeError(
      `spec.textValid must be at least 1 with behaviour "reference", got ${textValid.join(", ")}; ` +
        `the original fails there (docs/corrections.md#no-10)`,
    );
  const tail = tailOptions(spec.tail);
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
  const tokenOrder = or(spec.tokenOrder, layout ? "raster" : "curve");
  oneOf("tokenOrder", tokenOrder, ["raster", "curve"]);
  if (tokenOrder === "raster" && !layout)
    throw new TypeError('spec.tokenOrder "raster" needs spec.layout (see videoLayout in @spaattn/layout)');
  const policy = or(spec.policy, topBlocks({ dropRate: 0.8 }));
  // Options of a mode that is not used are checked as well; a policy that levels refuse is fine elsewhere.
  const levels = resolveLevels(
    or(spec.levels, {}),
    geometry,
    rectify === "levels" ? policy : topBlocks({ dropRate: 0.8 }),
  );
  return {
    geometry,
    dtype,
    outputDtype,
    dense: or(spec.dense, false),
    policy,
    rectify,
    tail,
    levels,
    behaviour,
    ...(layout ? { layout } : {}),
    permute: tokenOrder === "raster",
    extras: [...new Set(spec.extras ?? [])],
  };
}

const scaleOf = (spec: AttentionSpec) => (spec.scale === undefined ? {} : { scale: spec.scale });

function checkExtras(extras: unknown): void {
  if (extras === undefined) return;
  if (!Array.isArray(extras))
    throw new TypeError(`spec.extras must be a list of names such as ["mask"], got ${describeValue(extras)}`);
  for (const [i, name] of extras.entries()) oneOf(`extras[${i}]`, name, EXTRAS);
}

/** The defaults with what is given; a field given as undefined is one left out. */
function tailOptions(given: unknown): TailOptions {
  if (given === undefined) return TAIL_DEFAULTS;
  checkFields("spec.tail", given, Object.keys(TAIL_DEFAULTS));
  return { ...TAIL_DEFAULTS, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) };
}

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
    if (typeof tail[name] !== "number" || !(tail[name] >= 0))
      throw new RangeError(`spec.tail.${name} must be a number that is not negative, got ${describeValue(tail[name])}`);
  if (blocks < 1) throw new RangeError("spec.visualTokens must fill at least one block");
}

const TABLES = { order: "Int32Array", inverse: "Int32Array", neighbours: "Uint8Array", firstFrameBlocks: "Int32Array" };

function checkLayout(layout: TokenLayout | undefined, geometry: Geometry): void {
  if (layout === undefined) return;
  if (typeof layout !== "object" || layout === null || !Array.isArray(layout.grid) || layout.grid.length !== 3)
    throw new TypeError(`spec.layout must be a layout such as videoLayout() makes, got ${describeValue(layout)}`);
  for (const [name, kind] of Object.entries(TABLES))
    if (binaryKind((layout as unknown as Record<string, unknown>)[name]) !== kind)
      throw new TypeError(`spec.layout.${name} must be an ${kind} (see videoLayout in @spaattn/layout)`);
  const [t, h, w] = layout.grid;
  if (t * h * w !== geometry.visualTokens)
    throw new RangeError(
      `spec.layout.grid ${t}x${h}x${w} has ${t * h * w} tokens, but spec.visualTokens is ${geometry.visualTokens}`,
    );
  if (layout.blockSize !== geometry.blockSize)
    throw new RangeError(`spec.layout.blockSize is ${layout.blockSize}, but spec.blockSize is ${geometry.blockSize}`);
  const n = geometry.visualBlocks;
  if (layout.neighbours.length !== n * n)
    throw new RangeError(`spec.layout.neighbours has ${layout.neighbours.length} entries, but needs ${n} x ${n}`);
  if (layout.order.length !== geometry.tokens)
    throw new RangeError(
      `spec.layout.order has ${layout.order.length} entries, but there are ${geometry.tokens} tokens (text included)`,
    );
}
