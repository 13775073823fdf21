import { compilePlan, type ResolvedSpec } from "@spaattn/attention";
import {
  byteLength,
  type FloatDType,
  type Plan,
  type PlanOperation,
  type PlanSummary,
  place,
  summarizePlan,
} from "@spaattn/core";
import { type ModelAdapter, type VideoSize, WAN_TEXT, wanTransformers } from "@spaattn/models";
import { wanConfig, wanTransformer } from "@spaattn/networks";
import { Builder } from "@spaattn/nn";
import { UsageError } from "../errors.js";

export interface PlacementOptions {
  readonly size: Partial<VideoSize>;
  readonly dtype: FloatDType;
  readonly adapter: ModelAdapter;
}

/** One forward of a transformer, placed: what `spaattn plan --model NAME --placement --json` prints. */
export interface ForwardPlacement extends PlanSummary {
  readonly model: string;
  readonly title: string;
  readonly size: VideoSize;
  readonly dtype: FloatDType;
  readonly tokens: number;
  /** The denoising step whose attention was planned: the first that is sparse, where there is one. */
  readonly step: number;
}

/** WebGPU binds at most this much at a time where it binds the most. */
export const WEBGPU_BINDING = 2 ** 31;

/**
 * Places one whole forward of a model's transformer. Nothing runs and no weights are needed.
 *
 * @throws UsageError for models whose transformer is not there
 */
export function placeForward({ adapter, size, dtype }: PlacementOptions): ForwardPlacement {
  const { card, settings } = adapter;
  if (!wanTransformers[card.name])
    throw new UsageError(`--placement knows ${Object.keys(wanTransformers).join(", ")}; not ${card.name}.`);
  const step = firstSparseStep(adapter);
  const plan = forwardPlan(adapter, size, dtype, step);
  const placement = place(plan, { scratch: attentionScratch });
  const geometry = adapter.geometry(size);
  return {
    model: card.name,
    title: card.title,
    size: geometry.size,
    dtype,
    tokens: geometry.visualTokens * settings.batch,
    step,
    ...summarizePlan(plan, placement),
  };
}

/** The step that costs most memory: the first in which some layers are sparse. */
function firstSparseStep(adapter: ModelAdapter): number {
  const { card, schedule } = adapter;
  const sparse = (step: number) =>
    Array.from({ length: card.layers }).some((_, layer) => !adapter.isDense({ layer, step }));
  return Math.max(0, Array.from({ length: schedule.steps }, (_, step) => step).findIndex(sparse));
}

/** Records one forward. */
export function forwardPlan(adapter: ModelAdapter, size: Partial<VideoSize>, dtype: FloatDType, step: number): Plan {
  const { card, settings } = adapter;
  const { ffnDim, inChannels, outChannels, image, timestepPerToken } = wanTransformers[card.name];
  const { latent, visualTokens } = adapter.geometry(size);
  const layout = adapter.layout(size);
  const config = wanConfig({
    num_layers: card.layers,
    num_attention_heads: card.heads,
    attention_head_dim: card.headDim,
    ffn_dim: ffnDim,
    in_channels: inChannels,
    out_channels: outChannels,
    ...(image ? { image_dim: image.width, added_kv_proj_dim: card.heads * card.headDim } : {}),
  });
  const g = new Builder({ dtype, weightDtype: dtype });
  const { batch } = settings;
  const inputs = {
    latents: g.input("latents", "f32", [batch, inChannels, ...latent]),
    timestep: g.input("timestep", "f32", [batch, timestepPerToken ? 2 : 1]),
    ...(timestepPerToken ? { index: g.input("index", "i32", [batch, visualTokens]) } : {}),
    text: g.input("text", dtype, [batch, WAN_TEXT.rows, WAN_TEXT.width]),
    ...(image ? { image: g.input("image", dtype, [batch, image.rows, image.width]) } : {}),
  };
  const velocity = wanTransformer(g, config, inputs, {
    attention: (layer) =>
      adapter.isDense({ layer, step })
        ? undefined
        : { ...adapter.attention({ layer, step, size }), tokenOrder: "curve" },
    order: layout.order,
  });
  g.output("velocity", velocity);
  return g.build();
}

/** Bytes of the tables, masks and summaries of a sparse attention call; devices may get along with less. */
function attentionScratch({ op, attrs }: PlanOperation): number {
  if (op !== "attention") return 0;
  const { spec } = attrs as { readonly spec: ResolvedSpec };
  return Object.values(compilePlan(spec).tensors).reduce(
    (sum, tensor) => sum + (tensor.role === "workspace" ? byteLength(tensor) : 0),
    0,
  );
}
