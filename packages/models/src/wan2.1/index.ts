import { ModelAdapter } from "../adapter.js";
import type { ModelCard } from "../card.js";
import type { AdapterOptions } from "../options.js";
import { pickVariant } from "../variant.js";
import { WAN_BASE, wanCache } from "../wan.js";

const base = { ...WAN_BASE, family: "wan2.1", guidance: { kind: "branches", scale: [5] } } as const;

const i2v = (variant: "i2v-14b-480p" | "i2v-14b-720p", title: string): ModelCard => ({
  ...base,
  name: `wan2.1-${variant}`,
  title,
  denseSteps: [0],
  stepCache: wanCache(variant, { slow: 0.2, fast: 0.3 }, 0.3, [5]),
});

/** Wan2.1 by variant (docs/models.md#table, docs/models.md#wan). */
export const wan21Cards = {
  "t2v-1.3b": {
    ...base,
    name: "wan2.1-t2v-1.3b",
    title: "Wan2.1 T2V 1.3B",
    layers: 30,
    layerGroups: [{ name: "block", layers: 30 }],
    heads: 12,
    denseSteps: [5],
    stepCache: wanCache("t2v-1.3b", { slow: 0.05, fast: 0.1 }, 0.1, [5]),
  },
  "t2v-14b": {
    ...base,
    name: "wan2.1-t2v-14b",
    title: "Wan2.1 T2V 14B",
    denseSteps: [5],
    stepCache: wanCache("t2v-14b", { slow: 0.1, fast: 0.2 }, 0.2, [5]),
  },
  "i2v-14b-480p": {
    ...i2v("i2v-14b-480p", "Wan2.1 I2V 14B 480P"),
    defaultSize: { frames: 81, height: 480, width: 832 },
  },
  "i2v-14b-720p": i2v("i2v-14b-720p", "Wan2.1 I2V 14B 720P"),
} satisfies Record<string, ModelCard>;

export type Wan21Variant = keyof typeof wan21Cards;

/** The adapter of a Wan2.1 variant; default `t2v-14b`. @throws RangeError for an unknown variant. */
export const wan21 = ({
  variant = "t2v-14b",
  ...options
}: AdapterOptions & { variant?: Wan21Variant } = {}): ModelAdapter =>
  new ModelAdapter(pickVariant(wan21Cards, variant), options);
