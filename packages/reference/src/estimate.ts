import {
  type EstimateInputs,
  type EstimateOutputs,
  type EstimatePaperStep,
  type EstimateStep,
  type EstimateTailStep,
  type RunContext,
  validTextBlocks,
} from "@spaattn/attention";
import type { HostTensor, Tensor } from "@spaattn/core";
import {
  implicitAttention,
  probabilityColumns,
  rowProducts,
  ruleOfHead,
  selectCritical,
  uniteForced,
  validTokens,
  writeBlockLists,
} from "@spaattn/mask";
import { blockError, gainTest, maskBias, rectification, selectByError, strataBias } from "@spaattn/rectify";
import { type Head, listsOf, read, shapeOf, slice, textRows, write } from "./heads.js";
import { eachHead } from "./pace.js";

/** Which blocks to compute, and what to do about the others. */
export async function estimate(
  step: EstimateStep,
  io: EstimateInputs,
  out: EstimateOutputs,
  context: RunContext,
): Promise<void> {
  await eachHead(context, "estimate", (head) => {
    const mask = step.method === "paper" ? paper(step, io, out, head, context) : tail(step, io, out, head, context);
    const lists = { ...listsOf(out.counts, out.indices, head), stride: step.stride };
    writeBlockLists(mask, validTextBlocks(context.geometry, head.item), lists);
  });
}

/** algorithm.md sections 3 to 6 */
function paper(
  step: EstimatePaperStep,
  io: EstimateInputs,
  out: EstimateOutputs,
  head: Head,
  { geometry }: RunContext,
): Uint8Array {
  const { headDim: d, scale, blockSize } = geometry;
  const queryMean = read(io.queryMean, head);
  const keyMean = read(io.keyMean!, head);
  const scores = rowProducts(queryMean, keyMean, d);
  const textScores = rowProducts(queryMean, textRows(io.key, head, geometry), d);
  const valid = validTokens(shapeOf(geometry));
  const weights = step.weights === "uniform" ? valid.fill(blockSize) : valid;
  const attention = implicitAttention({ scores, textScores, scale, weights });
  const mask = uniteForced(selectCritical(attention, ruleOfHead(step.selection, head.head)), forcedOf(io.forced, head));
  write(out.scores, head, scores);
  if (out.probabilities) write(out.probabilities, head, probabilityColumns(attention, out.probabilities.shape[3]));
  if (!io.queryDeviation) return mask;
  const queryDeviation = read(io.queryDeviation, head);
  const keyDeviation = read(io.keyDeviation!, head);
  const gain = gainTest({ queryMean, keyMean, queryDeviation, keyDeviation }, d);
  write(out.gain, head, gain);
  if (io.valueMean && out.factor) {
    const { factor, compensation } = rectification(attention, mask, gain, read(io.valueMean, head));
    write(out.factor, head, factor);
    write(out.compensation, head, compensation);
  }
  return mask;
}

/** beyond.md sections 5 and 6 */
function tail(
  step: EstimateTailStep,
  io: EstimateInputs,
  out: EstimateOutputs,
  head: Head,
  { geometry }: RunContext,
): Uint8Array {
  const { scale, visualBlocks: n, headDim } = geometry;
  const { group, strataPerBlock, tauMax } = step;
  const summaries = {
    key: read(io.strataKey!, head),
    value: read(io.strataValue!, head),
    mass: read(io.strataMass!, head),
    spread: read(io.strataSpread!, head),
    noise: read(io.strataNoise!, head),
  };
  const options = { scale, hMax: step.hMax, mMin: step.mMin };
  const bias = strataBias(read(io.querySpread!, head), summaries.spread, summaries.mass, n, group, options);
  const queryMean = read(io.queryMean, head);
  const textKey = textRows(io.key, head, geometry);
  const textValue = textRows(io.value, head, geometry);
  const blocks = blockError(
    { queryMean, summaries, bias, textKey, textValue, strataPerBlock, group, scale, tauMax },
    headDim,
  );
  const mask = uniteForced(selectByError(blocks, ruleOfHead(step.selection, head.head)), forcedOf(io.forced, head));
  write(out.bias, head, maskBias(bias.bias, mask, strataPerBlock));
  write(out.strataBias, head, bias.bias);
  write(out.logitVariance, head, bias.variance);
  write(out.blockError, head, blocks.error);
  write(out.blockMass, head, blocks.mass);
  return mask;
}

/** `forced` is `[n, n]` for all heads or `[b, h, n, n]`. */
const forcedOf = (forced: Tensor | undefined, head: Head): Uint8Array | undefined =>
  forced && ((forced.shape.length === 2 ? (forced as HostTensor).data : slice(forced, head)) as Uint8Array);
