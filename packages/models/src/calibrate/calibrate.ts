import { type Backend, keptBlocks, topBlocks } from "@spaattn/attention";
import type { ModelAdapter } from "../adapter.js";
import { type CalibratedPreset, PRESET_VERSION } from "../preset.js";
import { allocate, type Curve } from "./allocate.js";
import { type Capture, type PlacedCapture, placeCaptures } from "./capture.js";
import { blocksOf, evaluate, sum } from "./evaluate.js";
import { type HeadErrors, MeasuredCapture } from "./measure.js";

/** One budget over all layers and heads: a share of blocks, or the error one is willing to have. */
export type CalibrationTarget = { readonly density: number } | { readonly targetError: number };

export interface CalibrateOptions {
  readonly signal?: AbortSignal;
  /** Share of the measurements done, 0 to 1. */
  readonly onProgress?: (done: number) => void;
}

/** Errors of the heads of one layer at each candidate number of kept blocks, averaged over its captures. */
interface LayerCurves {
  readonly layer: number;
  /** `[candidate][head]`: squared distance over the layer's squared norm. */
  readonly error: readonly Float64Array[];
}

/**
 * Chooses a drop rate for every captured layer and head under one budget.
 *
 * Each head is measured against dense attention at a ladder of densities; the budget then goes where a block lowers the
 * error most. The error of a layer is the relative L2 error of its heads together, as the model sees it.
 *
 * @param adapter its `rectify`, block size and token order are those of the preset; its rates are ignored.
 * @throws RangeError for captures of several grids, of other shapes than the model's, or a target out of range.
 */
export async function calibrate(
  adapter: ModelAdapter,
  captures: readonly Capture[],
  backend: Backend,
  target: CalibrationTarget,
  options: CalibrateOptions = {},
): Promise<CalibratedPreset> {
  const { rectify } = adapter.settings;
  // Its budget is shared over heads at run time, and a tolerance does the same between layers and steps.
  if (rectify === "levels")
    throw new RangeError('a model with rectify "levels" has no drop rates to calibrate; set levels.tolerance instead');
  const placed = placeCaptures(adapter, captures);
  const { grid } = placed[0];
  const blocks = blocksOf(adapter, placed);
  const { heads } = adapter.card;
  const { settings } = adapter;
  const budgetBlocks = "density" in target ? Math.round(checkShare("density", target.density) * blocks) : blocks;
  const stop = "targetError" in target ? checkError(target.targetError) : -1;
  const ladder = candidates(blocks, Math.max(1, budgetBlocks));
  const runs = captures.length * ladder.length;
  let done = 0;
  const progress = () => options.onProgress?.(++done / runs);
  const layers = await measureLayers(adapter, placed, backend, ladder, blocks, options, progress);

  const curves = layers.flatMap(({ error }) =>
    Array.from({ length: heads }, (_, head): Curve => ({ blocks: ladder, error: error.map((row) => row[head]) })),
  );
  const meanError = (sum: number) => Math.sqrt(sum / layers.length);
  const kept = allocate(curves, Math.max(1, budgetBlocks) * curves.length, (_, error) => meanError(error) <= stop);
  const total = kept.reduce((sum, k) => sum + k, 0);
  // The even setting never gets less than the chosen one.
  const even = "density" in target ? Math.max(1, budgetBlocks) : Math.ceil(total / curves.length);
  const rate = (k: number) => dropRateOf(k, blocks, settings.behaviour);

  const calibratedError = meanError(kept.reduce((sum, k, i) => sum + curves[i].error[ladder.indexOf(k)], 0));
  const uniformErrors = ladder.map((_, c) => meanError(curves.reduce((sum, curve) => sum + curve.error[c], 0)));
  const rates = Object.fromEntries(
    layers.map(({ layer }, i) => [layer, { dropRate: kept.slice(i * heads, (i + 1) * heads).map(rate) }]),
  );
  const sameError = ladder.find((k, c) => k < blocks && uniformErrors[c] <= calibratedError);
  const preset: CalibratedPreset = {
    format: "spaattn-preset",
    version: PRESET_VERSION,
    model: adapter.name,
    grid,
    blockSize: settings.blockSize,
    heads,
    rectify,
    layers: rates,
    otherLayers: { dropRate: rate(even) },
    provenance: {
      captures: placed.map(({ name, layer, step }) => ({ name, layer, ...(step === undefined ? {} : { step }) })),
      backend: backend.name,
      target: "density" in target ? { density: target.density } : { error: target.targetError },
    },
    measured: {
      uniform: { density: even / blocks, error: await uniformError(even) },
      calibrated: { density: total / (curves.length * blocks), error: calibratedError },
      uniformDensityForSameError: sameError === undefined ? null : sameError / blocks,
    },
  };
  return preset;

  async function uniformError(k: number): Promise<number> {
    const c = ladder.indexOf(k);
    if (c >= 0) return uniformErrors[c];
    const { signal } = options;
    return (await evaluate(adapter, captures, backend, () => rate(k), signal ? { signal } : {})).error;
  }
}

async function measureLayers(
  adapter: ModelAdapter,
  captures: readonly PlacedCapture[],
  backend: Backend,
  ladder: readonly number[],
  blocks: number,
  { signal }: CalibrateOptions,
  progress: () => void,
): Promise<LayerCurves[]> {
  const layers = [...new Set(captures.map(({ layer }) => layer))].sort((a, b) => a - b);
  const results: LayerCurves[] = [];
  for (const layer of layers) {
    const own = captures.filter((capture) => capture.layer === layer);
    const error = ladder.map(() => new Float64Array(adapter.card.heads));
    for (const capture of own) {
      const measured = new MeasuredCapture(adapter, capture, backend, signal ? { signal } : {});
      for (const [c, k] of ladder.entries()) {
        const dropRate = dropRateOf(k, blocks, adapter.settings.behaviour);
        const { distance, norm }: HeadErrors = await measured.errors(topBlocks({ dropRate }));
        const whole = sum(norm) * own.length;
        for (const [head, d] of distance.entries()) error[c][head] += whole > 0 ? d / whole : 0;
        progress();
      }
    }
    results.push({ layer, error });
  }
  return results;
}

/** Kept blocks to measure: a ladder with steps of about a fifth, the even setting among them. */
function candidates(blocks: number, even: number): number[] {
  const ladder = new Set([1, even, blocks]);
  for (let k = 1; k < blocks; k = Math.max(k + 1, Math.round(k * 1.2))) ladder.add(k);
  return [...ladder].sort((a, b) => a - b);
}

/** The drop rate that keeps exactly `k` of `blocks`, whatever the rounding. */
export function dropRateOf(k: number, blocks: number, behaviour: "corrected" | "reference"): number {
  const rate = Number((1 - k / blocks).toFixed(12));
  return keptBlocks(rate, blocks, behaviour) === k ? rate : Math.max(0, 1 - (k + 0.25) / blocks);
}

function checkShare(name: string, value: number): number {
  if (value > 0 && value <= 1) return value;
  throw new RangeError(`${name} must be above 0 and at most 1, got ${value}`);
}

function checkError(value: number): number {
  if (value >= 0) return value;
  throw new RangeError(`targetError must not be negative, got ${value}`);
}
