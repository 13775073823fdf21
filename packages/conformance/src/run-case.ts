import {
  type AttentionSpec,
  type Backend,
  type Extra,
  type FloatDType,
  isSpaAttnError,
  resolveSpec,
  unsupportedReason,
} from "@spaattn/core";
import type { ConformanceCase } from "./cases.js";
import { type Check, compareFloats, type Outcome } from "./check.js";
import { denseMaskOf, evaluate, evaluateWithMask, type HostResults } from "./evaluate.js";
import { type CaseInputs, logitBound, makeInputs } from "./inputs.js";
import { checkGain, checkMask } from "./mask-check.js";
import { gainSides } from "./pooled.js";
import { checkStrata } from "./strata.js";
import { decisionMargin, type ToleranceInput, toleranceOf } from "./tolerance.js";

export interface CaseOptions {
  /** The float64 oracle everything is measured against. */
  readonly oracle: Backend;
  readonly dtype: FloatDType;
  readonly tolerances?: Partial<Record<FloatDType, number>>;
  /** Also run unfused and compare the two; default true. */
  readonly unfused?: boolean;
  readonly signal?: AbortSignal;
}

const PAPER: readonly Extra[] = [
  "queryMean",
  "keyMean",
  "queryDeviation",
  "keyDeviation",
  "scores",
  "probabilities",
  "gain",
];
const TAIL: readonly Extra[] = [
  "queryMean",
  "querySpread",
  "anchor",
  "order",
  "strataKey",
  "strataValue",
  "strataMass",
  "strataNoise",
  "logitVariance",
  "strataBias",
  "blockError",
  "blockMass",
];

/** The extras a spec can be asked for, all of them. */
export function extrasOf(spec: AttentionSpec): Extra[] {
  if (spec.dense) return ["lse"];
  const host = resolveSpec(spec).policy.kind === "host";
  if ((spec.rectify ?? "tail") === "tail") return ["lse", "mask", ...TAIL];
  const paper: Extra[] = spec.rectify === "paper" ? ["valueMean", "factor", "compensation"] : [];
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
    await compareWithOracle(backend, spec, inputs, options, report);
  } catch (error) {
    if (isSpaAttnError(error, "Aborted")) throw error;
    report("run", {
      ok: false,
      note: `threw ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`,
    });
  }
  return checks;
}

type Report = (tensor: string, outcome: Outcome) => void;

/** Compares a backend with the oracle on given inputs, tensor by tensor in the order they are computed. */
export async function compareWithOracle(
  backend: Backend,
  spec: AttentionSpec,
  inputs: CaseInputs,
  options: CaseOptions,
  report: Report,
): Promise<void> {
  const { oracle, dtype, signal } = options;
  const extras = extrasOf(spec);
  const run = signal ? { signal } : {};
  const got = await evaluate(backend, spec, inputs, extras, run);
  const expected = await evaluate(oracle, { ...spec, outputDtype: "f32" }, inputs, extras);
  const { geometry } = resolveSpec(spec);
  const measure: ToleranceInput = {
    dtype,
    accumulate: backend.capabilities.accumulate,
    length: geometry.tokens,
    logits: logitBound(inputs, geometry),
    ...(options.tolerances ? { base: options.tolerances } : {}),
  };
  const tolerance = toleranceOf(measure);
  const margin = decisionMargin(measure);

  if (!spec.dense) compareEstimate(spec, got, expected, { tolerance, margin, report });
  const final = spec.dense ? expected : await onSameMask(oracle, spec, inputs, got, expected);
  const against = (name: string, results: HostResults) =>
    report(name, compareFloats(results[name].toFloat32(), final[name].toFloat32(), tolerance, final[name].shape));
  for (const name of ["factor", "compensation"]) if (got[name]) against(name, got);
  against("lse", got);
  against("output", got);
  // Fewer extras let a backend fuse more: what users run must give the same.
  const plain = await evaluate(backend, spec, inputs, [], run);
  report(
    "output without extras",
    compareFloats(plain.output.toFloat32(), final.output.toFloat32(), tolerance, final.output.shape),
  );
  if (options.unfused === false) return;
  const unfused = await evaluate(backend, spec, inputs, [], { ...run, fused: false });
  report(
    "output unfused",
    compareFloats(unfused.output.toFloat32(), final.output.toFloat32(), tolerance, final.output.shape),
  );
}

interface Judging {
  readonly tolerance: number;
  readonly margin: number;
  readonly report: Report;
}

function compareEstimate(spec: AttentionSpec, got: HostResults, expected: HostResults, judging: Judging): void {
  const { tolerance, margin, report } = judging;
  const resolved = resolveSpec(spec);
  const { visualTokens, blockSize, visualBlocks: n, textTokens } = resolved.geometry;
  const compare = (name: string, looser = 1) => {
    if (got[name])
      report(
        name,
        compareFloats(got[name].toFloat32(), expected[name].toFloat32(), tolerance * looser, expected[name].shape),
      );
  };
  for (const name of [
    "queryMean",
    "keyMean",
    "valueMean",
    "queryDeviation",
    "keyDeviation",
    "querySpread",
    "anchor",
    "scores",
  ])
    compare(name);
  compare("probabilities");
  if (got.gain) {
    const sides = gainSides(expected as Parameters<typeof gainSides>[0]);
    report("gain", checkGain(got.gain.data, expected.gain.data, sides, margin, expected.gain.shape));
  }
  let sameStrata = true;
  if (got.order) {
    const slots = blockSize / resolved.tail.strataPerBlock;
    const orders = { got: got.order.data, expected: expected.order.data, slots, visualTokens };
    const outcome = checkStrata(orders, resolved.dtype === "f32" ? 1e-3 : 5e-3);
    report("order", outcome);
    sameStrata = outcome.maxError === 0;
  }
  if (sameStrata) {
    for (const name of [
      "strataKey",
      "strataValue",
      "strataMass",
      "strataNoise",
      "logitVariance",
      "strataBias",
      "blockMass",
    ])
      compare(name);
    compare("blockError", 5);
  }
  if (resolved.policy.kind === "host") return;
  const tail = resolved.rectify === "tail";
  const columns = tail || textTokens === 0 ? n : n + 1;
  const ranking = tail ? expected.blockError : expected.probabilities;
  report(
    "mask",
    checkMask({
      spec,
      got: denseMaskOf(got, spec),
      expected: denseMaskOf(expected, spec),
      scores: ranking.data,
      masses: (tail ? expected.blockMass : expected.probabilities).data,
      columns,
      margin: sameStrata ? margin : 1,
    }),
  );
}

/** The oracle's results given the backend's own mask: what follows a legitimately different choice must still be right. */
async function onSameMask(
  oracle: Backend,
  spec: AttentionSpec,
  inputs: CaseInputs,
  got: HostResults,
  expected: HostResults,
): Promise<HostResults> {
  const own = denseMaskOf(got, spec);
  const theirs = denseMaskOf(expected, spec);
  if (own.every((x, i) => x === theirs[i])) return expected;
  const extras: Extra[] = spec.rectify === "paper" ? ["lse", "factor", "compensation"] : ["lse"];
  return evaluateWithMask(oracle, { ...spec, outputDtype: "f32" }, inputs, extras, own);
}
