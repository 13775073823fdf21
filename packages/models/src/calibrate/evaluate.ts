import { type Backend, keptBlocks, type RunOptions, topBlocks } from "@spaattn/attention";
import type { ModelAdapter } from "../adapter.js";
import type { CalibratedPreset, Measurement } from "../preset.js";
import { type Capture, type PlacedCapture, placeCaptures } from "./capture.js";
import { MeasuredCapture } from "./measure.js";

/** Density and error that drop rates cause on captures: `rates(layer)` is one rate, or one per head. */
export async function evaluate(
  adapter: ModelAdapter,
  captures: readonly Capture[],
  backend: Backend,
  rates: (layer: number) => number | readonly number[],
  options: RunOptions = {},
): Promise<Measurement> {
  const placed = placeCaptures(adapter, captures);
  const blocks = blocksOf(adapter, placed);
  const { heads } = adapter.card;
  const layers = new Map<number, PlacedCapture[]>();
  for (const capture of placed) layers.set(capture.layer, [...(layers.get(capture.layer) ?? []), capture]);
  let kept = 0;
  let error = 0;
  for (const [layer, own] of layers) {
    const dropRate = rates(layer);
    const perHead = typeof dropRate === "number" ? new Array<number>(heads).fill(dropRate) : dropRate;
    for (const rate of perHead) kept += Math.max(1, keptBlocks(rate, blocks, adapter.settings.behaviour));
    for (const capture of own) {
      const measured = new MeasuredCapture(adapter, capture, backend, options);
      const { distance, norm } = await measured.errors(topBlocks({ dropRate }));
      // Every layer counts alike, however many captures it has.
      const whole = sum(norm) * own.length;
      error += whole > 0 ? sum(distance) / whole : 0;
    }
  }
  return { density: kept / (layers.size * heads * blocks), error: Math.sqrt(error / layers.size) };
}

/** What a preset buys on captures it was not made from. */
export async function evaluatePreset(
  adapter: ModelAdapter,
  preset: CalibratedPreset,
  captures: readonly Capture[],
  backend: Backend,
  options: RunOptions = {},
): Promise<{ readonly uniform: Measurement; readonly calibrated: Measurement }> {
  const of = (layer: number) => (preset.layers[layer] ?? preset.otherLayers).dropRate;
  const even = preset.otherLayers.dropRate;
  return {
    uniform: await evaluate(adapter, captures, backend, () => even, options),
    calibrated: await evaluate(adapter, captures, backend, of, options),
  };
}

/** Visual blocks of the captures' grid. */
export const blocksOf = (adapter: ModelAdapter, [{ grid }]: readonly PlacedCapture[]): number =>
  Math.ceil((grid[0] * grid[1] * grid[2]) / adapter.settings.blockSize);

export const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);
