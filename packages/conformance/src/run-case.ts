import { type AttentionSpec, type Backend, type Extra, resolveSpec, unsupportedReason } from "@spaattn/attention";
import { type FloatDType, isSpaAttnError } from "@spaattn/core";
import type { ConformanceCase } from "./cases.js";
import type { Check, Outcome } from "./check.js";
import { type CaseInputs, logitBound, makeInputs } from "./inputs.js";
import { choosesOnHost, Judge, judgeBackend, type Report } from "./judge.js";
import { decisionMargin, tensorTolerance } from "./tolerance.js";

export interface CaseOptions {
  /** The float64 oracle everything is measured against. */
  readonly oracle: Backend;
  readonly dtype: FloatDType;
  readonly tolerances?: Partial<Record<FloatDType, number>>;
  /** Also run unfused and compare the two; default true. */
  readonly unfused?: boolean;
  /** No entry of the mask may differ; default false. */
  readonly exactMask?: boolean;
  /** Share of the rows whose decision may be too close to call and fall the other way; default a few in a hundred. */
  readonly close?: number;
  readonly signal?: AbortSignal;
}

const PAPER: readonly Extra[] = [
  ...(["queryMean", "keyMean", "queryDeviation", "keyDeviation"] as const),
  ...(["scores", "probabilities", "gain"] as const),
];
const TAIL: readonly Extra[] = [
  ...(["queryMean", "querySpread", "anchor", "order"] as const),
  ...(["strataKey", "strataValue", "strataMass", "strataSpread", "strataNoise"] as const),
  ...(["logitVariance", "strataBias", "bias", "blockError", "blockMass"] as const),
];

/** The extras a spec can be asked for, all of them. */
export function extrasOf(spec: AttentionSpec): Extra[] {
  if (spec.dense) return ["lse"];
  const host = choosesOnHost(resolveSpec(spec).policy);
  if ((spec.rectify ?? "tail") === "tail") return ["lse", "mask", ...TAIL];
  const paper: Extra[] = spec.rectify === "paper" ? ["valueMean", "factor", "compensation"] : [];
  // With a host policy the estimate that ranks runs on its own; the pooled tensors are those of the second one.
  return host ? ["lse", "mask", ...paper] : ["lse", "mask", ...PAPER, ...paper];
}

/** Runs one case on a backend and compares every tensor with the oracle's. Never rejects: a thrown error is a failed check. */
export async function runCase(backend: Backend, testCase: ConformanceCase, options: CaseOptions): Promise<Check[]> {
  const name = `${testCase.name} [${options.dtype}]`;
  const checks: Check[] = [];
  const report = (tensor: string, outcome: Outcome) =>
    checks.push({ suite: "synthetic", case: name, tensor, ...outcome });
  const spec: AttentionSpec = { ...testCase.spec, dtype: options.dtype };
  const why = unsupportedReason(backend.capabilities, resolveSpec(spec));
  if (why) {
    report("all", { ok: true, skipped: `${backend.name} has no ${why}` });
    return checks;
  }
  const inputs = makeInputs(testCase.inputs, resolveSpec(spec).geometry, options.dtype, testCase.seed);
  try {
    const exactMask = testCase.exactMask ?? false;
    // Weights that underflow, or are equal but for rounding, leave many rows without a ranking.
    const extreme = testCase.inputs === "huge" || testCase.inputs === "tiny" ? { close: 1 } : {};
    await compareWithOracle(backend, spec, inputs, { exactMask, ...extreme, ...options }, report);
  } catch (error) {
    if (isSpaAttnError(error, "Aborted")) throw error;
    report("run", {
      ok: false,
      note: `threw ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`,
    });
  }
  return checks;
}

/** Compares a backend with the oracle on given inputs, tensor by tensor in the order they are computed. */
export async function compareWithOracle(
  backend: Backend,
  spec: AttentionSpec,
  inputs: CaseInputs,
  options: CaseOptions,
  report: Report,
): Promise<void> {
  const { oracle, dtype, signal, exactMask = false, unfused = true } = options;
  const resolved = resolveSpec(spec);
  const measure = {
    dtype,
    accumulate: backend.capabilities.accumulate,
    logits: logitBound(inputs, resolved.geometry),
    ...(options.tolerances ? { base: options.tolerances } : {}),
  };
  const inTail = !resolved.dense && resolved.rectify === "tail";
  const margin = (of: FloatDType) => decisionMargin({ ...measure, dtype: of, length: resolved.geometry.tokens });
  const judge = new Judge(
    spec,
    inputs,
    {
      tolerance: (tensor) => tensorTolerance(tensor, resolved, measure),
      // Statistics are in the accumulation type; strata may be cut by numbers stored in the inputs' type.
      margin: margin(inTail ? dtype : "f32"),
      close: options.close ?? (inTail && dtype !== "f32" ? 0.1 : 0.02),
      exactMask,
    },
    report,
  );
  await judgeBackend(backend, oracle, judge, extrasOf(spec), { unfused, ...(signal ? { signal } : {}) });
}
