import { SpaAttnError } from "@spaattn/core";
import type { Grid } from "@spaattn/layout";
import type { ModelCard } from "./card.js";

export type PresetName = "quality" | "balanced" | "fast";

/** Version of the preset file; files of another version are refused. */
export const PRESET_VERSION = 1;

/** Density and error of one setting on the captures of a calibration. */
export interface Measurement {
  /** Share of the visual blocks that are computed. */
  readonly density: number;
  /** Root of the mean over layers of the squared relative L2 error of the visual rows, all heads together. */
  readonly error: number;
}

/** Drop rates per layer and head, found by `calibrate`, for one model at one grid. Plain JSON. */
export interface CalibratedPreset {
  readonly format: "spaattn-preset";
  readonly version: number;
  readonly model: string;
  readonly grid: Grid;
  readonly blockSize: number;
  readonly heads: number;
  readonly rectify: "none" | "paper" | "tail";
  readonly layers: Readonly<Record<string, { readonly dropRate: readonly number[] }>>;
  /** For layers without a capture. */
  readonly otherLayers: { readonly dropRate: number };
  readonly provenance: {
    readonly captures: readonly { readonly name: string; readonly layer: number; readonly step?: number }[];
    readonly backend: string;
    readonly target: { readonly density: number } | { readonly error: number };
  };
  /** On the captures it was made from: the same density spent evenly, and as chosen. */
  readonly measured: {
    readonly uniform: Measurement;
    readonly calibrated: Measurement;
    /** Smallest density at which one rate for all is at least as exact; null when it never is below 1. */
    readonly uniformDensityForSameError: number | null;
  };
}

/**
 * Checks that a JSON value is a preset file.
 *
 * @throws SpaAttnError `MalformedFile`.
 */
export function parsePreset(value: unknown): CalibratedPreset {
  const fail = (what: string): never => {
    throw new SpaAttnError("MalformedFile", `This is no preset file: ${what}.`, {
      remedy: "Make one with `spaattn calibrate`.",
    });
  };
  const preset = value as CalibratedPreset;
  if (typeof value !== "object" || value === null || preset.format !== "spaattn-preset")
    return fail('"format" is not "spaattn-preset"');
  if (preset.version !== PRESET_VERSION) return fail(`version ${preset.version}, expected ${PRESET_VERSION}`);
  if (typeof preset.model !== "string") return fail('"model" is missing');
  if (!Array.isArray(preset.grid) || preset.grid.length !== 3) return fail('"grid" is not [t, h, w]');
  const share = (rate: unknown) => typeof rate === "number" && rate >= 0 && rate <= 1;
  if (!share(preset.otherLayers?.dropRate)) return fail('"otherLayers.dropRate" is not between 0 and 1');
  if (typeof preset.layers !== "object" || preset.layers === null) return fail('"layers" is missing');
  for (const [layer, entry] of Object.entries(preset.layers)) {
    const rates = entry?.dropRate;
    if (!Array.isArray(rates) || rates.length !== preset.heads || !rates.every(share))
      return fail(`layer ${layer} does not list ${preset.heads} drop rates between 0 and 1`);
  }
  return preset;
}

/** What a preset is about to be used for. */
export interface PresetUse {
  readonly card: ModelCard;
  readonly grid: Grid;
  readonly blockSize: number;
  readonly rectify: string;
}

/** Why a preset does not fit; undefined when it does. */
export function presetMismatch(preset: CalibratedPreset, use: PresetUse): string | undefined {
  const { card, grid, blockSize, rectify } = use;
  if (preset.model !== card.name) return `it was made for ${preset.model}, not for ${card.name}`;
  if (preset.grid.join() !== grid.join())
    return `it was made for the token grid ${preset.grid.join("x")}, not for ${grid.join("x")}`;
  if (preset.heads !== card.heads) return `it lists ${preset.heads} heads, but the model has ${card.heads}`;
  if (preset.blockSize !== blockSize) return `it was made for blocks of ${preset.blockSize}, not of ${blockSize}`;
  if (preset.rectify !== rectify) return `it was made with rectify "${preset.rectify}", not with "${rectify}"`;
  return undefined;
}

/**
 * The named presets. `balanced` is the original's script; `quality` keeps half as many blocks again and takes the most
 * careful documented step-cache threshold, `fast` keeps half the blocks and takes the fastest one.
 */
export function namedPreset(name: PresetName, card: ModelCard): { dropRate: number; threshold: number } {
  const { dropRate, stepCache } = card;
  const keep = (factor: number) => Number((1 - factor * (1 - dropRate)).toFixed(9));
  if (name === "balanced") return { dropRate, threshold: stepCache.threshold };
  const thresholds = Object.values(stepCache.thresholds);
  if (name === "quality") return { dropRate: Math.max(0, keep(1.5)), threshold: Math.min(...thresholds) };
  if (name === "fast") return { dropRate: keep(0.5), threshold: Math.max(...thresholds) };
  throw new RangeError(`preset must be "quality", "balanced", "fast" or a calibrated preset, got ${String(name)}`);
}
