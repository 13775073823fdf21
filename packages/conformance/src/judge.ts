import { type AttentionSpec, type Backend, type Extra, type Policy, resolveSpec } from "@spaattn/attention";
import { compareExact, compareFloats, type Outcome } from "./check.js";
import { denseMaskOf, evaluate, evaluateBeside, evaluateWithMask, type HostResults } from "./evaluate.js";
import type { CaseInputs } from "./inputs.js";
import { LeftOut } from "./left-out.js";
import { checkGain, checkMask } from "./mask-check.js";
import { gainSides } from "./pooled.js";
import { checkStrata } from "./strata.js";

export type Report = (tensor: string, outcome: Outcome) => void;

/** What a backend's results are judged by. */
export interface Measure {
  /** Of a tensor by name, relative to its largest magnitude. */
  readonly tolerance: (tensor: string) => number;
  /** Relative gap up to which a decision may fall either way. */
  readonly margin: number;
  /** Share of the rows (or blocks) that may really have fallen the other way. */
  readonly close: number;
  /** No entry of the mask may differ. */
  readonly exactMask: boolean;
}

/** Statistics that no decision comes before. */
const POOLED = [
  ...(["queryMean", "keyMean", "valueMean", "queryDeviation", "keyDeviation"] as const),
  ...(["querySpread", "anchor", "scores", "probabilities"] as const),
];
/** What follows from the strata; `bias` follows from the mask as well. */
const SUMMARIES = [
  ...(["strataKey", "strataValue", "strataMass", "strataSpread", "strataNoise"] as const),
  ...(["logitVariance", "strataBias", "blockMass", "blockError"] as const),
];
/** Estimated errors are squares of small differences (beyond.md section 13 allows them ten times as much). */
const ERROR_FACTOR = 5;

/** Compares the results of one run with the oracle's, in the order they are computed. */
export class Judge {
  readonly #left: LeftOut;

  constructor(
    readonly spec: AttentionSpec,
    readonly inputs: CaseInputs,
    readonly measure: Measure,
    readonly report: Report,
  ) {
    this.#left = new LeftOut(spec);
  }

  /** Everything up to the mask. */
  estimate(got: HostResults, expected: HostResults): void {
    for (const name of POOLED) this.#floats(name, got, expected, { statistics: true });
    this.#gain(got, expected);
    this.#strata(got, expected);
    for (const name of SUMMARIES)
      this.#floats(name, got, expected, name === "blockError" ? { looser: ERROR_FACTOR } : {});
    this.#mask(got, expected);
  }

  /** What is computed from the mask; `expected` are the oracle's results given the backend's own mask. */
  result(got: HostResults, expected: HostResults): void {
    this.#floats("bias", got, expected);
    this.#floats("factor", got, expected, { perRow: true });
    this.#floats("compensation", got, expected, { perRow: true });
    this.#floats("lse", got, expected);
    this.output("output", got, expected);
  }

  output(name: string, got: HostResults, expected: HostResults): void {
    this.#floats("output", got, expected, { perRow: true, name });
  }

  #floats(
    tensor: string,
    got: HostResults,
    expected: HostResults,
    how: { statistics?: boolean; perRow?: boolean; looser?: number; name?: string } = {},
  ): void {
    if (!got[tensor]) return;
    const { shape } = expected[tensor];
    const { includes, note } = how.statistics ? {} : this.#left.of(shape, how.perRow ?? false);
    const tolerance = this.measure.tolerance(tensor) * (how.looser ?? 1);
    const [ours, theirs] = [got[tensor].toFloat32(), expected[tensor].toFloat32()];
    const outcome = compareFloats(ours, theirs, tolerance, shape, includes);
    this.report(how.name ?? tensor, note ? { ...outcome, note } : outcome);
  }

  #gain(got: HostResults, expected: HostResults): void {
    if (!got.gain) return;
    const { data, shape } = expected.gain;
    const { outcome, close } = checkGain(got.gain.data, data, gainSides(expected), this.measure, shape);
    this.report("gain", outcome);
    this.#left.rows = close;
  }

  #strata(got: HostResults, expected: HostResults): void {
    if (!got.order) return;
    const inputs = alongTheCurve(this.spec, this.inputs);
    const { margin, close: most } = this.measure;
    const question = { spec: this.spec, inputs, got: got.order, expected: expected.order, margin, most };
    const { outcome, close } = checkStrata(question);
    this.report("order", outcome);
    this.#left.heads = close;
  }

  #mask(got: HostResults, expected: HostResults): void {
    const { spec, measure } = this;
    const { geometry, rectify, policy } = resolveSpec(spec);
    const [ours, theirs] = [denseMaskOf(got, spec), denseMaskOf(expected, spec)];
    const { batch, heads, visualBlocks: n, textTokens, blocks } = geometry;
    const shape = [batch, heads, n, n];
    const text = textPart(denseMaskOf(got, spec, blocks), blocks, n);
    this.report("text in the mask", compareExact(text, textPart(denseMaskOf(expected, spec, blocks), blocks, n)));
    if (choosesOnHost(policy)) {
      this.report("mask", compareExact(ours, theirs, shape));
      return;
    }
    const tail = rectify === "tail";
    this.report(
      "mask",
      checkMask({
        spec,
        got: ours,
        expected: theirs,
        scores: (tail ? expected.blockError : expected.probabilities).data,
        masses: (tail ? expected.blockMass : expected.probabilities).data,
        columns: tail || textTokens === 0 ? n : n + 1,
        margin: measure.exactMask ? undefined : measure.margin,
        most: measure.close,
        without: this.#left.heads,
      }),
    );
  }
}

/** True when a function on the host has a say in the mask. */
export const choosesOnHost = (policy: Policy): boolean =>
  policy.kind === "host" || (policy.kind === "union" && policy.of.some(choosesOnHost));

/** The text columns of a mask `[rows, blocks]`. */
const textPart = (mask: Uint8Array, blocks: number, n: number): Uint8Array => mask.filter((_, at) => at % blocks >= n);

/** Inputs as the primitives see them: visual tokens along the curve. */
function alongTheCurve(spec: AttentionSpec, inputs: CaseInputs): CaseInputs {
  const { permute, layout } = resolveSpec(spec);
  if (!permute || !layout) return inputs;
  const along = (tensor: CaseInputs["query"]) => {
    const [batch, heads, tokens, d] = tensor.shape;
    const source = tensor.toFloat32();
    const out = tensor.to("f32");
    for (let row = 0; row < batch * heads * tokens; row++) {
      const from = Math.floor(row / tokens) * tokens + layout.order[row % tokens];
      out.data.set(source.subarray(from * d, (from + 1) * d), row * d);
    }
    return out;
  };
  return { query: along(inputs.query), key: along(inputs.key), value: along(inputs.value) };
}

/** The oracle's results given the backend's own mask: what follows a legitimately different choice must still be right. */
export async function onSameMask(
  oracle: Backend,
  spec: AttentionSpec,
  inputs: CaseInputs,
  got: HostResults,
  expected: HostResults,
): Promise<HostResults> {
  const own = denseMaskOf(got, spec);
  const theirs = denseMaskOf(expected, spec);
  if (own.every((x, i) => x === theirs[i])) return expected;
  const more: readonly Extra[] =
    spec.rectify === "paper" ? ["factor", "compensation"] : spec.rectify === "none" ? [] : ["bias"];
  return evaluateWithMask(oracle, { ...spec, outputDtype: "f32" }, inputs, ["lse", ...more], own);
}

/** Runs a spec on a backend with everything it can return, then as users run it, and judges all of it. */
export async function judgeBackend(
  backend: Backend,
  oracle: Backend,
  judge: Judge,
  extras: readonly Extra[],
  options: { readonly unfused: boolean; readonly signal?: AbortSignal },
): Promise<void> {
  const { spec, inputs, report } = judge;
  const run = options.signal ? { signal: options.signal } : {};
  const before = Object.values(inputs).map((tensor) => (tensor as CaseInputs["query"]).data.slice());
  const got = await evaluate(backend, spec, inputs, extras, run);
  const expected = await evaluate(oracle, { ...spec, outputDtype: "f32" }, inputs, extras);
  if (!spec.dense) judge.estimate(got, expected);
  const final = spec.dense ? expected : await onSameMask(oracle, spec, inputs, got, expected);
  judge.result(got, final);
  // Fewer extras let a backend fuse more: what users run must give the same, also beside runs on other inputs.
  const [first, last] = await evaluateBeside(backend, spec, inputs, run);
  judge.output("output without extras", first, final);
  judge.output("output beside another run", last, final);
  if (options.unfused)
    judge.output("output unfused", await evaluate(backend, spec, inputs, [], { ...run, fused: false }), final);
  Object.entries(inputs).forEach(([name, tensor], i) => {
    report(`${name} after the runs`, compareExact((tensor as CaseInputs["query"]).data, before[i]));
  });
}
