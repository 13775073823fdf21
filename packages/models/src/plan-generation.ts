import { compilePlan, makeGeometry, type PlanCost, planCost, type Rectify } from "@spaattn/attention";
import { byteLength } from "@spaattn/core";
import type { Grid } from "@spaattn/layout";
import type { ModelAdapter } from "./adapter.js";
import { expertCount, type ModelCard, type VideoSize } from "./card.js";
import type { AdapterOptions } from "./options.js";
import { createModel } from "./registry.js";

/** Bytes that one sparse attention call needs on the device. */
export interface CallMemory {
  /** Query, key, value and output. */
  readonly tensors: number;
  readonly workspace: number;
  readonly constants: number;
}

/** A whole generation in numbers: what `spaattn plan --model` prints. JSON-printable. */
export interface GenerationPlan {
  readonly model: string;
  readonly title: string;
  readonly size: VideoSize;
  readonly latent: Grid;
  /** Token grid `[t, h, w]`. */
  readonly grid: Grid;
  readonly visualTokens: number;
  readonly textTokens: number;
  readonly blockSize: number;
  /** Visual blocks. */
  readonly blocks: number;
  readonly textBlocks: number;
  /** Valid tokens of the last visual block. */
  readonly lastBlockTokens: number;
  readonly heads: number;
  readonly headDim: number;
  readonly batch: number;
  /** Attention layers of each transformer. */
  readonly layers: number;
  readonly layerGroups: ModelCard["layerGroups"];
  readonly transformers: number;
  readonly steps: number;
  /** Two-expert models: the first step of the second one. */
  readonly switchStep: number | null;
  readonly forwardsPerStep: number;
  readonly forwards: number;
  /** Layers that are always dense; of each transformer. */
  readonly denseLayers: readonly number[];
  /** Steps in which every layer is dense. */
  readonly denseSteps: readonly number[];
  readonly rectify: Rectify;
  readonly dropRate: number;
  /** Share of the visual blocks that sparse calls compute; a lower bound when probability mass may add some. */
  readonly density: number;
  readonly densityIsExact: boolean;
  readonly costs: {
    readonly denseCalls: number;
    readonly sparseCalls: number;
    /** Attention of the whole generation, every call dense. */
    readonly flopDense: number;
    /** As scheduled. */
    readonly flopSparse: number;
    /** The part of `flopSparse` that finds blocks and corrects for the others. */
    readonly flopEstimation: number;
    /** Attention cannot get faster than by this factor; skipped steps of the step cache come on top. */
    readonly speedupBound: number;
    /** Bytes of one sparse call. */
    readonly memory: CallMemory;
  };
  readonly stepCache: { readonly threshold: number; readonly indicator: string };
}

/**
 * Plans a generation without running anything.
 *
 * @param model a name (`wan2.1-t2v-14b`) or an adapter; with an adapter `options` are ignored.
 * @throws RangeError for an unknown model or size, with the valid ones named.
 */
export function planGeneration(
  model: string | ModelAdapter,
  size: Partial<VideoSize> = {},
  options: AdapterOptions = {},
): GenerationPlan {
  const adapter = typeof model === "string" ? createModel(model, options) : model;
  const { card, settings, schedule } = adapter;
  const video = adapter.geometry(size);
  const geometry = makeGeometry({
    batch: settings.batch,
    heads: card.heads,
    headDim: card.headDim,
    visualTokens: video.visualTokens,
    textTokens: settings.textTokens,
    blockSize: settings.blockSize,
  });
  // Calls that share a policy share their cost.
  const kinds = new Map<string, { cost: PlanCost; calls: number }>();
  for (const { step } of schedule.forwards)
    for (let layer = 0; layer < card.layers; layer++) {
      const key = adapter.isDense({ layer, step })
        ? "dense"
        : JSON.stringify(adapter.policy(adapter.globalLayer({ layer, step })));
      const kind = kinds.get(key) ?? {
        cost: planCost(compilePlan(adapter.attention({ layer, step, size }))),
        calls: 0,
      };
      kind.calls++;
      kinds.set(key, kind);
    }
  const total = (of: (cost: PlanCost) => number, skip?: string) =>
    [...kinds].reduce((sum, [key, { cost, calls }]) => sum + (key === skip ? 0 : calls * of(cost)), 0);
  const calls = total(() => 1);
  const sparseCalls = total(() => 1, "dense");
  const flopDense = total(({ denseFlop }) => denseFlop);
  const flopSparse = total(({ flop }) => flop);
  const { visualTokens, visualBlocks, blockSize, textBlocks } = geometry;
  const { threshold, indicator } = adapter.stepCache;
  return {
    model: card.name,
    title: card.title,
    size: video.size,
    latent: video.latent,
    grid: video.grid,
    visualTokens,
    textTokens: settings.textTokens,
    blockSize,
    blocks: visualBlocks,
    textBlocks,
    lastBlockTokens: visualTokens - (visualBlocks - 1) * blockSize,
    heads: card.heads,
    headDim: card.headDim,
    batch: settings.batch,
    layers: card.layers,
    layerGroups: card.layerGroups,
    transformers: expertCount(card),
    steps: schedule.steps,
    switchStep: card.experts ? schedule.switchStep : null,
    forwardsPerStep: schedule.branches.length,
    forwards: schedule.forwards.length,
    denseLayers: schedule.denseLayers,
    denseSteps: schedule.denseSteps,
    rectify: settings.rectify,
    dropRate: settings.dropRate,
    density: sparseCalls > 0 ? total(({ density }) => density, "dense") / sparseCalls : 1,
    densityIsExact: sparseCalls === 0 || adapter.policy(0).kind === "topBlocks",
    costs: {
      denseCalls: calls - sparseCalls,
      sparseCalls,
      flopDense,
      flopSparse,
      flopEstimation: total(({ estimationFlop }) => estimationFlop),
      speedupBound: flopDense / flopSparse,
      memory: callMemory(adapter, size),
    },
    stepCache: { threshold, indicator },
  };
}

/** Memory of the first call that is sparse; of a dense one where none is. */
function callMemory(adapter: ModelAdapter, size: Partial<VideoSize>): CallMemory {
  const { card, schedule } = adapter;
  const layers = Array.from({ length: card.layers }, (_, layer) => layer);
  const steps = Array.from({ length: schedule.steps }, (_, step) => step);
  const step = steps.find((step) => layers.some((layer) => !adapter.isDense({ layer, step }))) ?? 0;
  const layer = layers.find((layer) => !adapter.isDense({ layer, step })) ?? 0;
  const memory = { tensors: 0, workspace: 0, constants: 0 };
  for (const tensor of Object.values(compilePlan(adapter.attention({ layer, step, size })).tensors)) {
    const kind = tensor.role === "workspace" ? "workspace" : tensor.role === "constant" ? "constants" : "tensors";
    memory[kind] += byteLength(tensor);
  }
  return memory;
}
