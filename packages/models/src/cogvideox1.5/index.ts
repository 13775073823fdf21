import { ModelAdapter } from "../adapter.js";
import type { ModelCard } from "../card.js";
import type { AdapterOptions } from "../options.js";
import { pickVariant } from "../variant.js";

const card = (variant: "t2v" | "i2v", coefficients: readonly number[]): ModelCard => ({
  name: `cogvideox1.5-${variant}`,
  family: "cogvideox1.5",
  title: `CogVideoX1.5 ${variant.toUpperCase()}`,
  defaultSize: { frames: 81, height: 768, width: 1280 },
  vaeStride: [4, 8, 8],
  patch: [2, 2, 2],
  frameRemainders: [1],
  layers: 42,
  layerGroups: [{ name: "block", layers: 42 }],
  heads: 48,
  headDim: 64,
  text: { slots: 226, order: "front" },
  rotary: { theta: 10_000, axes: [16, 24, 24] },
  steps: 50,
  guidance: { kind: "batch", scale: [6] },
  // The scripts' value; the original documents 0.85 for T2V.
  dropRate: 0.75,
  firstFrameRule: false,
  denseLayers: [],
  denseSteps: [5],
  sparseInScripts: true,
  stepCache: {
    indicator: "time embedding",
    coefficients,
    threshold: 0.2,
    thresholds: { slow: 0.1, medium: 0.2, fast: 0.3 },
    firstSteps: [1],
    lastStep: true,
    residuals: ["visual", "text"],
  },
});

/** CogVideoX1.5 by variant (docs/models.md#table, docs/models.md#cogvideox15; arXiv 2408.06072). */
export const cogVideoX15Cards = {
  t2v: card("t2v", [250.210439, -165.061612, 35.7804877, -0.781551492, 0.0358559703]),
  i2v: card("i2v", [122.842302, -104.088754, 26.2981677, -0.306009921, 0.037121322]),
} satisfies Record<string, ModelCard>;

export type CogVideoX15Variant = keyof typeof cogVideoX15Cards;

/** The adapter of a CogVideoX1.5 variant; default `t2v`. @throws RangeError for an unknown variant. */
export const cogVideoX15 = ({
  variant = "t2v",
  ...options
}: AdapterOptions & { variant?: CogVideoX15Variant } = {}): ModelAdapter =>
  new ModelAdapter(pickVariant(cogVideoX15Cards, variant), options);
