import { ModelAdapter } from "../adapter.js";
import type { ModelCard } from "../card.js";
import type { AdapterOptions } from "../options.js";

/** HunyuanVideo (docs/models.md#table, docs/models.md#hunyuanvideo; arXiv 2412.03603). */
export const hunyuanVideoCard: ModelCard = {
  name: "hunyuanvideo",
  family: "hunyuanvideo",
  title: "HunyuanVideo",
  defaultSize: { frames: 128, height: 720, width: 1280 },
  vaeStride: [4, 8, 8],
  patch: [1, 2, 2],
  // 4k + 1 is what the VAE encodes; the original's scripts ask for multiples of 4, which give as many latent frames.
  frameRemainders: [1, 0],
  referenceFrames: (frames) => Math.floor(frames / 4),
  layers: 60,
  layerGroups: [
    { name: "dual", layers: 20 },
    { name: "single", layers: 40 },
  ],
  heads: 24,
  headDim: 128,
  text: { slots: 256, order: "behind" },
  rotary: { theta: 256, axes: [16, 56, 56] },
  steps: 50,
  guidance: { kind: "distilled", scale: [6] },
  dropRate: 0.8,
  firstFrameRule: false,
  denseLayers: [],
  denseSteps: [0],
  sparseInScripts: true,
  stepCache: {
    indicator: "modulated input",
    coefficients: [733.226126, -401.131952, 67.5869174, -3.149878, 0.0961237896],
    threshold: 0.15,
    thresholds: { "1.6x": 0.1, "2.1x": 0.15 },
    firstSteps: [1],
    lastStep: true,
    residuals: ["visual"],
  },
};

/** The adapter of HunyuanVideo. */
export const hunyuanVideo = (options: AdapterOptions = {}): ModelAdapter => new ModelAdapter(hunyuanVideoCard, options);
