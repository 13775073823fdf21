import { integer, oneOf } from "./check.js";
import { type Geometry, makeGeometry } from "./geometry.js";
import type { TokenLayout } from "./layout.js";
import { resolveLevels } from "./levels/resolve.js";
import { topBlocks } from "./policy.js";
import { type AttentionSpec, type ResolvedSpec, TAIL_DEFAULTS, type TailOptions } from "./spec.js";

const FLOATS: readonly string[] = ["f32", "f16", "bf16"];

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
  oneOf("rectify", rectify, ["none", "paper", "tail", "levels"]);
  oneOf("behaviour", behaviour, ["corrected", "reference"]);
  oneOf("dtype", dtype, FLOATS);
  oneOf("outputDtype", spec.outputDtype ?? dtype, FLOATS);
  if (behaviour === "reference" && textTokens > 0 && visualTokens % blockSize !== 0)
    throw new RangeError(
      `spec.visualTokens must be a multiple of ${blockSize} with text and behaviour "reference", got ${visualTokens}; ` +
        `the original fails there (algorithm.md 8.1 no. 11)`,
    );
  if (behaviour === "reference" && textTokens > 0 && textValid.includes(0))
    throw new RangeError(
      `spec.textValid must be at least 1 with behaviour "reference", got ${textValid.join(", ")}; ` +
        `the original fails there (algorithm.md 8.1 no. 10)`,
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
  const policy = spec.policy ?? topBlocks({ dropRate: 0.8 });
  // Options of a mode that is not used are checked as well; a policy that levels refuse is fine elsewhere.
  const levels = resolveLevels(
    spec.levels ?? {},
    geometry,
    rectify === "levels" ? policy : topBlocks({ dropRate: 0.8 }),
  );
  return {
    geometry,
    dtype,
    outputDtype: spec.outputDtype ?? dtype,
    dense: spec.dense ?? false,
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
