import type { ErrorsInputs, ErrorsOutputs, ErrorsStep, RunContext } from "@spaattn/attention";
import { combineErrors, type ErrorInput, momentErrors, nodeBias, probeErrors, projectRows } from "@spaattn/rectify";
import { type Head, headsOf, read, slice, textRows, write } from "../heads.js";
import { pacer } from "../pace.js";

/** Expected errors of every level of every pair: levels.md section 3. */
export async function errors(
  step: ErrorsStep,
  io: ErrorsInputs,
  out: ErrorsOutputs,
  context: RunContext,
): Promise<void> {
  const { visualBlocks: n, headDim: d } = context.geometry;
  const pace = pacer(context);
  const heads = headsOf(context.geometry);
  for (const head of heads) {
    const planes = () => new Float64Array((step.depth + 1) * n * n);
    const [moment, probe, combined] = [planes(), planes(), planes()];
    const power = new Float64Array(n);
    const inputOf = errorInputs(step, io, head, context);
    const queryMean = read(io.queryMean, head);
    const probesOf = io.probe && probeReader(io, head, d);
    const projected = probesOf && projectRows(read(io.nodeValue, head), d);
    for (let i = 0; i < n; i++) {
      const input = inputOf(i);
      const fromMoments = momentErrors(queryMean.subarray(i * d, (i + 1) * d), input);
      const fromProbes = projected && probeErrors(probesOf(i), projected, input);
      power[i] = (fromProbes ?? fromMoments).power;
      spread(moment, fromMoments.error, i, n);
      if (fromProbes) spread(probe, fromProbes.error, i, n);
      spread(combined, combineErrors(fromMoments.error, fromProbes?.error, n), i, n);
      await pace((head.at + (i + 1) / n) / heads.length, "errors");
    }
    write(out.levelError, head, combined);
    write(out.outputPower, head, power);
    write(out.momentError, head, moment);
    write(out.probeError, head, probe);
  }
}

/** What the estimates of one head share, per query block. */
function errorInputs(step: ErrorsStep, io: ErrorsInputs, head: Head, { geometry }: RunContext) {
  const { visualBlocks: blocks, headDim, scale } = geometry;
  const { depth, hMax, tauMax, mMin } = step;
  const summaries = {
    key: read(io.nodeKey, head),
    value: read(io.nodeValue, head),
    mass: read(io.nodeMass, head),
    spread: read(io.nodeSpread, head),
    noise: read(io.nodeNoise, head),
  };
  const querySpread = read(io.querySpread, head);
  const cluster = slice(io.cluster, head);
  const textKey = textRows(io.key, head, geometry);
  const textValue = textRows(io.value, head, geometry);
  return (i: number): ErrorInput => {
    const group = cluster[i];
    const bias = nodeBias(querySpread, i, summaries, group, { blocks, depth, scale, hMax, mMin });
    return { blocks, headDim, depth, summaries, group, bias, textKey, textValue, scale, tauMax };
  };
}

/** The probes `[r, d]` of one query block. */
function probeReader(io: ErrorsInputs, head: Head, d: number) {
  const probe = read(io.probe!, head);
  const parts = io.probe!.shape[3];
  const count = slice(io.probeCount!, head);
  return (i: number) => probe.subarray(i * parts * d, (i * parts + count[i]) * d);
}

/** Writes the errors `[L + 1, n]` of query block `i` into planes `[L + 1, n, n]`. */
function spread(planes: Float64Array, row: Float64Array, i: number, n: number): void {
  for (let at = 0; at < row.length; at++) planes[(Math.floor(at / n) * n + i) * n + (at % n)] = row[at];
}
