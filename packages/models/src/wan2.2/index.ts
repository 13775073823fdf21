import { ModelAdapter } from "../adapter.js";
import type { ModelCard } from "../card.js";
import type { AdapterOptions } from "../options.js";
import { pickVariant } from "../variant.js";
import { WAN_BASE, wanCache } from "../wan.js";

const base = { ...WAN_BASE, family: "wan2.2" } as const;
const a14b = { ...base, steps: 40, dropRate: 0.85, sparseInScripts: false } as const;

/**
 * Wan2.2 by variant (docs/models.md#table, docs/models.md#wan). No step-cache fit is published for Wan2.2: the text models take
 * the one of Wan2.1 T2V 14B, as in the original's scripts, the image model that of Wan2.1 I2V 14B 720P.
 */
export const wan22Cards = {
  "ti2v-5b": {
    ...base,
    name: "wan2.2-ti2v-5b",
    title: "Wan2.2 TI2V 5B",
    defaultSize: { frames: 121, height: 704, width: 1280 },
    vaeStride: [4, 16, 16],
    layers: 30,
    layerGroups: [{ name: "block", layers: 30 }],
    heads: 24,
    guidance: { kind: "branches", scale: [5] },
    denseSteps: [5],
    stepCache: wanCache("t2v-14b", { script: 0.1 }, 0.1, [5]),
  },
  "t2v-a14b": {
    ...a14b,
    name: "wan2.2-t2v-a14b",
    title: "Wan2.2 T2V A14B",
    guidance: { kind: "branches", scale: [4, 3] },
    experts: { boundaryRatio: 0.875, flowShift: 3 },
    denseSteps: [3, 1],
    stepCache: wanCache("t2v-14b", { script: 0.2 }, 0.2, [3, 1]),
  },
  "i2v-a14b": {
    ...a14b,
    name: "wan2.2-i2v-a14b",
    title: "Wan2.2 I2V A14B",
    guidance: { kind: "branches", scale: [3.5, 3.5] },
    experts: { boundaryRatio: 0.9, flowShift: 5 },
    denseSteps: [0, 0],
    stepCache: wanCache("i2v-14b-720p", { script: 0.3 }, 0.3, [3, 1]),
  },
} satisfies Record<string, ModelCard>;

export type Wan22Variant = keyof typeof wan22Cards;

/** The adapter of a Wan2.2 variant; default `t2v-a14b`. @throws RangeError for an unknown variant. */
export const wan22 = ({
  variant = "t2v-a14b",
  ...options
}: AdapterOptions & { variant?: Wan22Variant } = {}): ModelAdapter =>
  new ModelAdapter(pickVariant(wan22Cards, variant), options);
