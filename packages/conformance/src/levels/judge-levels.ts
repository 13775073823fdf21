import type { Backend, Extra } from "@spaattn/attention";
import { compareExact } from "../check.js";
import { denseMaskOf, evaluate, evaluateWithChoice, type HostResults } from "../evaluate.js";
import type { CaseInputs } from "../inputs.js";
import { alongTheCurve, type Judge, judgeInputs } from "../judge.js";
import { checkChoice, checkCost } from "./choice-check.js";
import { checkSplit } from "./splits.js";

/** Everything a spec of rectify "levels" can return. */
export const LEVELS_EXTRAS: readonly Extra[] = [
  ...(["lse", "mask", "queryMean", "querySpread", "anchor", "order", "cluster"] as const),
  ...(["nodeKey", "nodeValue", "nodeMass", "nodeSpread", "nodeNoise"] as const),
  ...(["momentError", "levelError", "outputPower", "choice", "multiplier"] as const),
  ...(["rowCounts", "rowIndices", "rowBias"] as const),
];
export const PROBE_EXTRAS: readonly Extra[] = ["probe", "probeCount", "probeError"];

const SUMMARIES = [
  ...(["anchor", "querySpread", "nodeKey", "nodeValue", "nodeMass", "nodeSpread", "nodeNoise"] as const),
] as const;
const ERRORS = ["momentError", "probeError", "levelError", "outputPower"] as const;
/** Estimated errors are squares of small differences. */
const ERROR_FACTOR = 10;

/** Judges a backend's levels tensor by tensor, in the order they are computed. */
export async function judgeLevels(
  backend: Backend,
  oracle: Backend,
  judge: Judge,
  extras: readonly Extra[],
  options: { readonly unfused: boolean; readonly signal?: AbortSignal },
): Promise<void> {
  const { spec, inputs, report } = judge;
  const run = options.signal ? { signal: options.signal } : {};
  const before = Object.values(inputs).map((tensor) => (tensor as CaseInputs["query"]).data.slice() as never);
  const got = await evaluate(backend, spec, inputs, extras, run);
  const expected = await evaluate(oracle, { ...spec, outputDtype: "f32" }, inputs, extras);
  judgeEstimate(judge, got, expected);
  const choice = got.choice.data as Uint8Array;
  const follow = ["lse", "mask", "rowCounts", "rowIndices", "rowBias"] as const;
  const final = await evaluateWithChoice(oracle, { ...spec, outputDtype: "f32" }, inputs, follow, choice);
  judgeRows(judge, got, final);
  judge.floats("lse", got, final);
  judge.output("output", got, final);
  judge.output("output without extras", await evaluate(backend, spec, inputs, [], run), final);
  const given = await evaluateWithChoice(backend, spec, inputs, [], choice);
  judge.output("output with the choice given", given, final);
  if (options.unfused) {
    if (backend.levels)
      judge.output("output unfused", await evaluate(backend, spec, inputs, [], { ...run, fused: false }), final);
    else report("output unfused", { ok: true, skipped: `${backend.name} has no single steps of rectify "levels"` });
  }
  judgeInputs(judge, before);
}

function judgeEstimate(judge: Judge, got: HostResults, expected: HostResults): void {
  const { spec, measure, report } = judge;
  const { margin } = measure;
  const tolerance = measure.tolerance("choice");
  const inputs = alongTheCurve(spec, judge.inputs);
  judge.floats("queryMean", got, expected, { statistics: true });
  const close = new Set<number>();
  for (const split of ["cluster", "order", "probe"] as const) {
    if (!got[split]) continue;
    const answer = checkSplit({ split, spec, inputs, got, expected, margin, tolerance });
    report(split, answer.outcome);
    for (const plane of answer.close) close.add(plane);
  }
  if (got.probeCount)
    report("probeCount", compareExact(got.probeCount.data, expected.probeCount.data, expected.probeCount.shape));
  judge.left.heads = close;
  for (const name of SUMMARIES) judge.floats(name, got, expected);
  const absolute = probeRounding(judge, expected);
  for (const name of ERRORS)
    judge.floats(name, got, expected, { looser: ERROR_FACTOR, absolute: /probe|level/.test(name) ? absolute : 0 });
  // A budget is shared: one head that differs moves the multiplier of all.
  if (close.size > 0)
    report("choice", { ok: true, note: "not compared: heads decided too close to call share the budget" });
  else
    report(
      "choice",
      checkChoice(spec, got, expected, { margin, tolerance: tolerance * ERROR_FACTOR, absolute }, close),
    );
  if (spec.levels?.tolerance === undefined) report("cost", checkCost(spec, got));
}

/**
 * S is the square of a difference D of numbers as large as values: where D is small its rounding e is not, and S is off by
 * 2 |D| e + e².
 */
function probeRounding({ inputs, measure }: Judge, expected: HostResults): number {
  if (!expected.probeError) return 0;
  const largest = (tensor: { toFloat32(): Float32Array }) =>
    tensor.toFloat32().reduce((top, x) => (Math.abs(x) < 1000 ? Math.max(top, Math.abs(x)) : top), 0);
  const width = Math.sqrt(inputs.value.shape[3]);
  const rounding = measure.epsilon * width * largest(inputs.value);
  return 2 * Math.sqrt(largest(expected.probeError)) * rounding + rounding ** 2;
}

/** Lists given the backend's own choice. */
function judgeRows(judge: Judge, got: HostResults, expected: HostResults): void {
  const { spec, report, left } = judge;
  report("mask", compareExact(denseMaskOf(got, spec), denseMaskOf(expected, spec)));
  if (left.heads.size > 0) return;
  report("rowCounts", compareExact(got.rowCounts.data, expected.rowCounts.data, expected.rowCounts.shape));
  const stride = expected.rowIndices.shape[3];
  const listed = (tensor: { data: ArrayLike<number> }) => {
    const all: number[] = [];
    for (let row = 0; row < expected.rowCounts.data.length; row++)
      for (let slot = 0; slot < expected.rowCounts.data[row]; slot++) all.push(tensor.data[row * stride + slot]);
    return all;
  };
  report("rowIndices", compareExact(listed(got.rowIndices), listed(expected.rowIndices)));
  // Biases are nats: what counts is their error beside 1.
  judge.compare("rowBias", listed(got.rowBias), listed(expected.rowBias), judge.measure.tolerance("rowBias"));
}
