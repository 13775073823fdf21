import type { ResolvedSpec } from "@spaattn/attention";
import type { FloatDType } from "@spaattn/core";

/** Relative spacing of each type's numbers. */
export const EPSILON: Record<FloatDType | "f64", number> = {
  f64: 2 ** -52,
  f32: 2 ** -23,
  f16: 2 ** -10,
  bf16: 2 ** -7,
};

/** What an implementation of each storage type reaches, relative to a tensor's largest magnitude. */
const BASE: Record<FloatDType, number> = { f32: 2e-5, f16: 3e-3, bf16: 1e-2 };

/** Reductions up to this length are covered by the base figure. */
const LENGTH = 2048;

export interface ToleranceInput {
  readonly dtype: FloatDType;
  readonly accumulate: "f32" | "f64";
  /** Longest sum the tensor depends on. */
  readonly length: number;
  /** Bound of the scaled logits: exp turns a logit's rounding into a relative error. */
  readonly logits: number;
  /** Replaces the base figures. */
  readonly base?: Partial<Record<FloatDType, number>>;
}

/**
 * Allowed error relative to the tensor's largest magnitude.
 *
 * A base per storage type, growing with the root of the reduction length (rounding errors walk randomly), plus the
 * rounding of the largest logit, which the exponential turns into a relative error.
 */
export function toleranceOf({ dtype, accumulate, length, logits, base }: ToleranceInput): number {
  if (accumulate === "f64" && dtype === "f32") return 1e-6;
  const growth = Math.sqrt(Math.max(1, length / LENGTH));
  return (base?.[dtype] ?? BASE[dtype]) * growth + 4 * EPSILON[accumulate] * logits;
}

/** Sums over the tokens of one block. */
const BLOCKWISE = new Set(["queryMean", "keyMean", "valueMean", "queryDeviation", "keyDeviation", "querySpread"]);
/** What follows from them through exponentials, still in the accumulation type. */
const EXPONENTIAL = new Set(["probabilities", "factor", "compensation"]);

/**
 * Allowed error of one tensor of a call: from the type it is computed in and the length of its own sums.
 *
 * Statistics, scores and what the paper's estimate makes of them are in the accumulation type whatever the inputs are, so
 * half precision buys them nothing. Summaries of strata, and what follows from those, may be stored in the inputs' type.
 */
export function tensorTolerance(tensor: string, spec: ResolvedSpec, measure: Omit<ToleranceInput, "length">): number {
  const { headDim, blockSize, tokens, visualBlocks } = spec.geometry;
  const group = spec.tail.group === "all" ? visualBlocks : Math.min(spec.tail.group, visualBlocks);
  const sums = (length: number, logits = 0) => {
    const looser = (measure.base?.f32 ?? BASE.f32) / BASE.f32;
    return looser * EPSILON.f32 * (8 + 2 * Math.sqrt(length)) + 4 * EPSILON[measure.accumulate] * logits;
  };
  if (BLOCKWISE.has(tensor)) return sums(blockSize);
  if (tensor === "anchor") return sums(group * blockSize);
  if (tensor === "scores") return sums(headDim);
  const inTail = !spec.dense && spec.rectify === "tail";
  if (EXPONENTIAL.has(tensor) || (tensor === "lse" && !inTail)) return sums(tokens, measure.logits);
  return toleranceOf({ ...measure, length: tokens });
}

/** Closer decisions than this (relative gap at a cut) may fall either way. */
export function decisionMargin({ dtype, accumulate, logits }: ToleranceInput): number {
  if (accumulate === "f64") return 1e-9;
  return (dtype === "f32" ? 1e-4 : 2e-2) + 8 * EPSILON[accumulate] * logits;
}
