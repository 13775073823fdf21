import type { EstimatePaperStep, EstimateStep, EstimateTailStep } from "@spaattn/attention";
import type { Handle } from "../driver/driver.js";
import { type Argument, Params } from "../params.js";
import type { Site, Views } from "../site.js";
import { biasStride, contractBias, native16 } from "./convert.js";
import { neverNull, productParams, type Selecting, selectParams } from "./estimate-params.js";

const TILE = 64;
/** Rows that one thread block of the paper's selection works on, one per warp. */
const ROWS = 4;
const tiles = (count: number) => Math.ceil(count / TILE);

export function estimate(site: Site, step: EstimateStep, inputs: Views, outputs: Views): void {
  if (step.method === "paper") paper(site, step, inputs, outputs);
  else tailInParts(site, step, inputs, outputs);
}

function tailInParts(site: Site, step: EstimateTailStep, inputs: Views, outputs: Views): void {
  // The logits of all strata are the largest intermediate: a few heads at a time are enough to fill the device.
  const { visualBlocks: n, textTokens } = site.geometry;
  const bytes = 4 * n * (n * step.strataPerBlock + textTokens);
  const heads = Math.max(1, Math.min(site.heads, Math.floor((32 * 2 ** 20) / bytes)));
  for (let first = 0; first < site.heads; first += heads)
    tail(site.part(first, Math.min(heads, site.heads - first)), step, inputs, outputs);
}

const product = (site: Site, kernel: string, grid: readonly [number, number, number], parameters: Argument) =>
  site.launch({ module: "products", kernel, grid, threads: 256, parameters: [parameters] });

/** Splits of a long sum, so that the tiles of few heads still fill the device, once (132 multiprocessors, two blocks each). */
const splitsFor = (rowTiles: number, heads: number, columns: number) =>
  Math.max(1, Math.min(16, Math.floor(264 / (rowTiles * heads)), Math.ceil(columns / 256)));

/** out = sum over the splits of `parts`. */
function sumSplits(site: Site, parts: Handle | undefined, out: Handle | undefined, splits: number): void {
  const count = site.heads * site.geometry.visualBlocks * site.geometry.headDim;
  const parameters = new Params().pointers(parts, out).ints(count, splits).bytes();
  const grid = [Math.ceil(count / 256)] as const;
  site.launch({ module: "products", kernel: "sum_splits", grid, threads: 256, parameters: [parameters] });
}

/** First byte of the text of every head's keys or values lies in the whole tensor: kernels step over the visual tokens. */
function textLogits(site: Site, parameters: Argument): void {
  const { visualBlocks: n, textTokens } = site.geometry;
  if (textTokens > 0)
    product(site, `text_logits_${site.variant}`, [tiles(textTokens), tiles(n), site.heads], parameters);
}

/** The paper's rows take a warp each; a row of strata is long enough for a thread block. */
function select(site: Site, { kernel, sharedBytes }: Selecting, parameters: Argument): void {
  const rows = site.heads * site.geometry.visualBlocks;
  const perBlock = kernel === "paper_select" ? ROWS : 1;
  site.launch({
    module: "select",
    kernel,
    grid: [Math.ceil(rows / perBlock)],
    threads: 128,
    sharedBytes: perBlock * sharedBytes,
    parameters: [parameters],
  });
}

/** Pooled logits and gain, selection with R, then E as a product of the spent probabilities with the mean values. */
function paper(site: Site, step: EstimatePaperStep, inputs: Views, outputs: Views): void {
  const { visualBlocks: n, headDim: d, textTokens } = site.geometry;
  const logits = site.buffer("logits", n * (n + textTokens) * 4);
  const gain = outputs.gain ?? (outputs.compensation ? site.buffer("gain", n * n) : undefined);
  const at = (name: string) => site.at(inputs[name]);
  const splits = splitsFor(tiles(n), site.heads, n);
  const parts = splits > 1 && outputs.compensation ? site.buffer("parts", splits * n * d * 4) : outputs.compensation;
  const parameters = productParams(site, {
    inputs: {
      queryMean: at("queryMean"),
      querySecond: at("queryDeviation"),
      keys: at("keyMean"),
      keySecond: at("keyDeviation"),
      values: at("valueMean"),
      textKey: at("key"),
    },
    outputs: {
      logits: site.at(logits),
      scores: site.at(outputs.scores),
      gain: site.at(gain),
      out: site.at(parts),
    },
    columns: n,
    group: n,
    splits,
    uniform: step.weights === "uniform",
  });
  product(site, `paper_logits${gain ? "_gain" : ""}_d${d}`, [tiles(n), tiles(n), site.heads], parameters);
  textLogits(site, parameters);
  const selecting: Selecting = { kernel: "paper_select", step, columns: n, logits, gain, sharedBytes: 2 * (n + 1) * 4 };
  select(site, selecting, selectParams(site, selecting, inputs, outputs));
  if (!outputs.compensation) return;
  product(site, `compensation_d${d}`, [splits, tiles(n), site.heads], parameters);
  if (splits > 1) sumSplits(site, site.at(parts), site.at(outputs.compensation), splits);
}

/** Logits and variances of the strata, normaliser, expected value, errors, selection with the bias (docs/tail.md#bias and docs/tail.md#selection). */
function tail(site: Site, step: EstimateTailStep, inputs: Views, outputs: Views): void {
  const { visualBlocks: n, headDim: d, textTokens } = site.geometry;
  const { group, strataPerBlock, hMax, tauMax, mMin } = step;
  const groups = Math.ceil(n / group);
  const rowTiles = groups * tiles(group);
  const columns = n * strataPerBlock;
  const summaries = groups * columns * d;
  const need = (name: string) => inputs[name] ?? neverNull();
  const strataKey = native16(site, "strataKey", need("strataKey"), summaries);
  const strataValue = native16(site, "strataValue", need("strataValue"), summaries);
  const logits = site.buffer("logits", n * (columns + textTokens) * 4);
  const normaliser = site.buffer("normaliser", n * 4);
  // The mass of blocks is looked at only when there is some to cover.
  const covers = step.selection.ranked && step.selection.coverMass.some((mass) => mass > 0);
  const weights = covers || outputs.blockMass ? site.buffer("weights", n * columns * 4) : undefined;
  const padded = outputs.bias?.native ? outputs.bias : site.buffer("bias", n * biasStride(columns) * 4);
  const splits = splitsFor(rowTiles, site.heads, columns);
  const parts = site.buffer("parts", splits * n * d * 4);
  const at = (name: string) => site.at(inputs[name]);
  const parameters = productParams(site, {
    inputs: {
      queryMean: at("queryMean"),
      querySecond: at("querySpread"),
      keys: site.at(strataKey),
      keySecond: at("strataSpread"),
      mass: at("strataMass"),
      noise: at("strataNoise"),
      values: site.at(strataValue),
      textKey: at("key"),
      textValue: at("value"),
    },
    outputs: {
      logits: site.at(logits),
      normaliser: site.at(normaliser),
      variance: site.at(padded),
      strataBias: site.at(outputs.strataBias),
      logitVariance: site.at(outputs.logitVariance),
      weights: site.at(weights),
      out: site.at(parts),
    },
    columns,
    group,
    splits,
    limits: [hMax, tauMax, mMin],
  });
  const wide = [tiles(columns), rowTiles, site.heads] as const;
  product(site, `tail_logits_${site.variant}`, wide, parameters);
  textLogits(site, parameters);
  const selecting: Selecting = {
    kernel: "tail_select",
    step,
    columns,
    logits,
    weights,
    normaliser,
    bias: padded,
    sharedBytes: 2 * n * 4,
  };
  const selection = selectParams(site, selecting, inputs, outputs);
  const rows = [site.heads * n] as const;
  site.launch({ module: "select", kernel: "tail_normaliser", grid: rows, threads: 256, parameters: [selection] });
  product(site, `expected_value_${site.variant}`, [splits, rowTiles, site.heads], parameters);
  if (splits > 1) sumSplits(site, site.at(parts), site.at(parts), splits);
  product(site, `stratum_errors_d${d}`, wide, parameters);
  select(site, selecting, selection);
  if (outputs.bias && !outputs.bias.native) contractBias(site, padded, outputs.bias, n, columns);
}
