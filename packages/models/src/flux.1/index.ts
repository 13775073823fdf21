import { ModelAdapter } from "../adapter.js";
import type { ModelCard } from "../card.js";
import type { AdapterOptions } from "../options.js";

export { type ControlResidualOptions, controlResidual } from "./control-residual.js";

/** Flux.1-dev as a 4x upscaler with a tile ControlNet (docs/models.md#table, docs/models.md#flux1). */
export const flux1Card: ModelCard = {
  name: "flux.1-dev",
  family: "flux.1",
  title: "Flux.1-dev",
  defaultSize: { frames: 1, height: 4096, width: 4096 },
  vaeStride: [1, 8, 8],
  patch: [1, 2, 2],
  layers: 57,
  layerGroups: [
    { name: "dual", layers: 19 },
    { name: "single", layers: 38 },
  ],
  heads: 24,
  headDim: 128,
  text: { slots: 512, order: "front" },
  rotary: { theta: 10_000, axes: [16, 56, 56] },
  steps: 50,
  guidance: { kind: "distilled", scale: [3.5] },
  dropRate: 0.9,
  firstFrameRule: false,
  denseLayers: Array.from({ length: 20 }, (_, i) => 37 + i),
  denseSteps: [0],
  sparseInScripts: true,
  stepCache: {
    indicator: "modulated input",
    coefficients: [498.651651, -283.781631, 55.8554382, -3.82021401, 0.264230861],
    threshold: 0.8,
    thresholds: { "1.5x": 0.25, "1.8x": 0.4, "2x": 0.6, "2.25x": 0.8 },
    firstSteps: [1],
    lastStep: true,
    residuals: ["visual"],
  },
};

/** The adapter of Flux.1-dev. */
export const flux1 = (options: AdapterOptions = {}): ModelAdapter => new ModelAdapter(flux1Card, options);
