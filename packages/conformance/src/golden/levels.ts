import type { AttentionSpec, Backend, Extra } from "@spaattn/attention";
import { HostTensor } from "@spaattn/core";
import { choiceCost, chooseLevels, type HeadErrors } from "@spaattn/rectify";
import { compareExact, compareFloats, type Outcome, unravel } from "../check.js";
import { evaluate, evaluateWithChoice, type HostResults } from "../evaluate.js";
import { pickRows } from "./base.js";
import { norm, relativeError } from "./figures.js";
import { type LevelsGolden, type LevelsVariant, levelsSpec } from "./levels-input.js";
import { checkLevelsSet, firstHeads, type LevelsContext } from "./levels-set.js";

/** Choices with a larger margin than this must agree. */
const CLEAR = 1e-4;
/** How much more error a choice found by histogram may have (golden/levels/README.md). */
const HISTOGRAM_LOSS = 1.06;
/** Pairs that are too close to call move the error this much at most. */
const OWN_CHOICE = 0.01;
const BIN = 2 ** (1 / 8);

export interface LevelsGoldenContext extends LevelsContext {
  readonly backend: Backend;
  readonly signal?: AbortSignal;
}

/** Checks every tensor of an `rsa-golden-levels/1` file. */
export async function checkLevels(base: LevelsGolden, context: LevelsGoldenContext): Promise<void> {
  const { backend, signal } = context;
  const run = signal ? { signal } : {};
  const { output: dense } = await evaluate(backend, { ...base.spec, dense: true }, base.inputs, [], run);
  const seen = new Set<number>();
  for (const [index, variant] of base.variants.entries()) {
    const spec = levelsSpec(base, variant);
    const first = !seen.has(variant.set);
    seen.add(variant.set);
    const got = await evaluate(backend, spec, base.inputs, extrasOf(first, variant), run);
    if (first) checkLevelsSet(got, base, variant, context);
    checkChoice(got, base, variant, index, context);
    const error = relativeError(got.output, dense, visualRows(base));
    const expected = errorOfAll(base, index);
    context.report(`error of variant ${index}`, absolute([error], [expected], Math.max(OWN_CHOICE * expected, 1e-5)));
    if (variant.scope === "call" && variant.budget < 1) {
      const options = { ...spec, levels: { ...spec.levels, search: "histogram" as const } };
      const searched = await evaluate(backend, options, base.inputs, ["choice"], run);
      const loss = relativeError(searched.output, dense, visualRows(base));
      context.report(`error of variant ${index} by histogram`, {
        ok: loss <= expected * HISTOGRAM_LOSS + 1e-5,
        maxError: loss / expected,
        tolerance: HISTOGRAM_LOSS,
      });
    }
    await checkOutput(spec, dense, base, index, context);
  }
}

const visualRows = ({ spec }: LevelsGolden) => ({ start: 0, end: spec.visualTokens });

function extrasOf(first: boolean, variant: LevelsVariant): Extra[] {
  const shared: Extra[] = [
    ...(["order", "cluster", "anchor", "nodeKey", "nodeValue", "nodeMass", "nodeSpread", "nodeNoise"] as const),
    ...(["momentError"] as const),
    ...(variant.probes ? (["probe", "probeCount", "probeError"] as const) : []),
  ];
  return ["choice", "multiplier", "levelError", ...(first ? shared : [])];
}

/** The error of all heads and items, from the stored errors and norms of each. */
function errorOfAll({ meta }: LevelsGolden, index: number): number {
  const [errors, norms] = [meta.tensor(`err.${index}`).toFloat32(), meta.tensor("dense_norm").toFloat32()];
  let [error, size] = [0, 0];
  errors.forEach((own, at) => {
    error += (own * norms[at]) ** 2;
    size += norms[at] ** 2;
  });
  return Math.sqrt(error / size);
}

function report(
  { report: tell }: LevelsContext,
  name: string,
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
): void {
  tell(name, compareFloats(got, expected, tolerance));
}

/** The choice as the backend made it, the same at the stored multiplier, the multipliers, and the cost. */
function checkChoice(
  got: HostResults,
  base: LevelsGolden,
  variant: LevelsVariant,
  index: number,
  context: LevelsContext,
): void {
  const { meta } = base;
  const expected = meta.tensor(`choice.${index}`);
  const margin = meta.tensor(`margin.${index}`).toFloat32();
  context.report(`choice.${index}`, compareChoice(got.choice.data, expected, margin));
  const [batch, heads, n] = expected.shape;
  const stored = meta.tensor(`lambda.${index}`).toFloat32();
  const perItem = stored.length / batch;
  const expand = (values: ArrayLike<number>) =>
    Float64Array.from({ length: batch * heads * n }, (_, row) => {
      const within = row % (heads * n);
      const at = perItem === 1 ? 0 : perItem === heads ? Math.floor(within / n) : within;
      return values[Math.floor(row / (heads * n)) * perItem + at];
    });
  report(context, `lambda.${index}`, got.multiplier.toFloat32(), expand(stored), context.tolerance);
  const all = errorsOf(got, batch, heads);
  const rule = { ...variant, blocks: n, blockSize: variant.B, budgets: new Array<number>(heads).fill(variant.budget) };
  const given = new Uint8Array(expected.data.length);
  const found = new Float64Array(batch * heads * n);
  let cost = 0;
  for (let item = 0; item < batch; item++) {
    // One multiplier per call can be given; others are looked for.
    const multiplier = perItem === 1 ? stored[item] : undefined;
    given.set(chooseLevels(all[item], { ...rule, search: "exact", multiplier }).choice, item * heads * n * n);
    const searched = chooseLevels(all[item], { ...rule, search: "histogram" });
    found.set(searched.multiplier, item * heads * n);
    cost = Math.max(cost, choiceCost(searched.choice, variant.B));
  }
  context.report(`choice.${index} at lambda.${index}`, compareChoice(given, expected, margin));
  context.report(`lambda_hist.${index}`, compareBins(found, expand(meta.tensor(`lambda_hist.${index}`).toFloat32())));
  const costs = Float64Array.from({ length: batch * heads }, (_, at) =>
    choiceCost((got.choice.data as Uint8Array).subarray(at * n * n, (at + 1) * n * n), variant.B),
  );
  report(context, `cost.${index}`, costs, meta.tensor(`cost.${index}`).toFloat32(), 1e-3);
  const spent = Math.max(...meta.tensor(`cost_total.${index}`).toFloat32());
  context.report(`cost by histogram of variant ${index}`, {
    ok: cost <= Math.max(variant.budget, spent) + 1e-6,
    maxError: cost,
    tolerance: variant.budget,
  });
}

/** `[b][h]` error estimates in float64. */
function errorsOf(got: HostResults, batch: number, heads: number): HeadErrors[][] {
  const { levelError } = got;
  const data = levelError.dtype === "f64" ? levelError.data : levelError.toFloat32();
  const size = data.length / (batch * heads);
  return Array.from({ length: batch }, (_, item) =>
    Array.from({ length: heads }, (_, head) => ({
      error: data.subarray((item * heads + head) * size, (item * heads + head + 1) * size),
      unit: 1,
    })),
  );
}

function compareChoice(got: ArrayLike<number>, expected: HostTensor, margin: ArrayLike<number>): Outcome {
  let close = 0;
  for (let at = 0; at < expected.data.length; at++) {
    if (got[at] === expected.data[at]) continue;
    if (margin[at] > CLEAR) {
      const firstIndex = unravel(at, expected.shape);
      return { ok: false, maxError: 1, tolerance: 0, firstIndex, got: got[at], expected: expected.data[at] };
    }
    close++;
  }
  return { ok: true, maxError: 0, tolerance: 0, ...(close > 0 ? { note: `${close} pairs too close to call` } : {}) };
}

/** Multipliers found by histogram are edges of bins; a sum on the edge of the budget may move them by one. */
function compareBins(got: ArrayLike<number>, expected: ArrayLike<number>): Outcome {
  let worst = 1;
  for (let at = 0; at < expected.length; at++) {
    if (got[at] === expected[at]) continue;
    const ratio = Math.max(got[at] / expected[at], expected[at] / got[at]);
    worst = Number.isFinite(ratio) ? Math.max(worst, ratio) : Number.POSITIVE_INFINITY;
    if (!(ratio <= BIN * 1.001))
      return { ok: false, maxError: worst, tolerance: BIN, firstIndex: [at], got: got[at], expected: expected[at] };
  }
  return { ok: true, maxError: worst, tolerance: BIN };
}

/** Row lists, biases and outputs with the stored choice as input. */
async function checkOutput(
  spec: AttentionSpec,
  dense: HostTensor,
  base: LevelsGolden,
  index: number,
  context: LevelsGoldenContext,
): Promise<void> {
  const { meta, inputs } = base;
  const { backend, tolerance } = context;
  const choice = meta.tensor(`choice.${index}`) as HostTensor<"u8">;
  const extras = ["rowCounts", "rowIndices", "rowBias"] as const;
  const got = await evaluateWithChoice(backend, spec, inputs, extras, choice.data);
  checkRows(got, base, index, context);
  const expected = meta.tensor(`out.${index}`);
  const rows = pickRows(got.output, Array.from(meta.tensor("rows").data));
  const allowed = expected.dtype === "f16" ? Math.max(tolerance, 1e-3) : tolerance;
  report(context, `out.${index}`, rows.data, expected.toFloat32(), allowed);
  const [batch, heads] = choice.shape;
  const planes = Array.from({ length: batch * heads }, (_, at) => at);
  const plane = (tensor: HostTensor, at: number) => {
    const size = tensor.data.length / planes.length;
    const data = tensor.toFloat32().subarray(at * size, (at + 1) * size);
    return new HostTensor("f32", [1, 1, tensor.shape[2], tensor.shape[3]], data);
  };
  const norms = planes.map((at) => norm(plane(got.output, at), visualRows(base)));
  report(context, `out_norm.${index}`, norms, meta.tensor(`out_norm.${index}`).toFloat32(), tolerance);
  const errors = planes.map((at) => relativeError(plane(got.output, at), plane(dense, at), visualRows(base)));
  const stored = meta.tensor(`err.${index}`).toFloat32();
  context.report(`err.${index}`, absolute(errors, stored, Math.max(tolerance, 1e-5)));
}

/** Errors are compared absolutely: with everything exact they are 0. */
function absolute(got: readonly number[], expected: ArrayLike<number>, tolerance: number): Outcome {
  const worst = Math.max(...got.map((error, at) => Math.abs(error - expected[at])));
  return { ok: worst <= tolerance, maxError: worst, tolerance };
}

function checkRows(got: HostResults, base: LevelsGolden, index: number, context: LevelsContext): void {
  const { meta } = base;
  const [counts, rows, bias] = [got.rowCounts, got.rowIndices, got.rowBias].map(firstHeads);
  const n = meta.number("n_blocks");
  const stride = got.rowIndices.shape[3];
  const [listed, biases, ends]: number[][] = [[], [], []];
  for (let item = 0; item < got.rowCounts.shape[0]; item++)
    for (const block of meta.tensor("bias_blocks").data) {
      const at = item * n + block;
      listed.push(...rows.subarray(at * stride, at * stride + counts[at]));
      biases.push(...bias.subarray(at * stride, at * stride + counts[at]));
      ends.push(listed.length);
    }
  context.report(`node_end.${index}`, compareExact(ends, meta.tensor(`node_end.${index}`).data));
  context.report(`node_row.${index}`, compareExact(listed, meta.tensor(`node_row.${index}`).data));
  report(context, `node_bias.${index}`, biases, meta.tensor(`node_bias.${index}`).toFloat32(), context.tolerance);
}
