import type { CacheCard, ModelCard, RotaryFormula } from "./card.js";

/*
 * What all Wan models share (docs/models.md#wan; arXiv 2503.20314).
 */

/** The t axis takes what the two others leave of 128 channels. */
export const WAN_ROTARY: RotaryFormula = { theta: 10_000, axes: [44, 42, 42] };

const T2V_14B = [-303318.725, 49053.7029, -2655.30556, 58.7365115, -0.315583525];

/** Coefficients with the retention window, and without it, by the model they were fitted on (TeaCache). */
export const WAN_FITS = {
  "t2v-14b": {
    retention: T2V_14B,
    without: [-5784.54975374, 5449.50911966, -1811.16591783, 256.27178429, -13.02252404],
  },
  "t2v-1.3b": {
    retention: [-52186.2437, 9230.41404, -528.275948, 13.6987616, -0.0499875664],
    without: [2396.76752, -1311.10545, 201.331979, -8.29855975, 0.137887774],
  },
  "i2v-14b-480p": {
    retention: [257151.496, -35422.9917, 1402.86849, -13.5890334, 0.132517977],
    without: [-302.33167, 223.948934, -52.546397, 5.8734844, -0.201973289],
  },
  "i2v-14b-720p": {
    retention: [8107.0546, 2133.93892, -372.934672, 16.6203073, -0.0417769401],
    without: [-114.36346466, 65.26524496, -18.82220707, 4.91518089, -0.23412683],
  },
} as const;

/** The step cache of a Wan model. The original uses the T2V-14B fit for its I2V models too (docs/corrections.md#no-14). */
export function wanCache(
  fit: keyof typeof WAN_FITS,
  thresholds: Readonly<Record<string, number>>,
  threshold: number,
  firstSteps: readonly number[],
): CacheCard {
  return {
    indicator: "projected time embedding",
    coefficients: WAN_FITS[fit].retention,
    ...(fit.startsWith("i2v") ? { referenceCoefficients: T2V_14B } : {}),
    threshold,
    thresholds,
    firstSteps,
    lastStep: false,
    withoutRetention: { indicator: "time embedding", coefficients: WAN_FITS[fit].without },
    residuals: ["visual"],
  };
}

/** Facts of the 14B text-to-video model at 720p; the others say what differs. */
export const WAN_BASE = {
  defaultSize: { frames: 81, height: 720, width: 1280 },
  vaeStride: [4, 8, 8],
  patch: [1, 2, 2],
  frameRemainders: [1],
  layers: 40,
  layerGroups: [{ name: "block", layers: 40 }],
  heads: 40,
  headDim: 128,
  rotary: WAN_ROTARY,
  steps: 50,
  dropRate: 0.75,
  firstFrameRule: true,
  denseLayers: [0, 1],
  sparseInScripts: true,
} as const satisfies Partial<ModelCard>;
