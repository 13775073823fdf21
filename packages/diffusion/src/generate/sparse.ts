import type { AttentionSpec } from "@spaattn/attention";
import { type AdapterOptions, findModel, ModelAdapter, type ModelCard, modelNames } from "@spaattn/models";
import { wanAxes } from "@spaattn/networks";
import type { VideoSize } from "../wan/size.js";
import type { Components } from "./components.js";

/** What self-attention may leave out; see the adapters of `@spaattn/models`. Everything has a default per model. */
export type SparseOptions = Pick<
  AdapterOptions,
  | "preset"
  | "dropRate"
  | "coverMass"
  | "neighbours"
  | "firstFrame"
  | "policy"
  | "rectify"
  | "tail"
  | "blockSize"
  | "denseLayers"
  | "denseSteps"
>;

/** How the self-attention of a generation is computed, step by step. */
export interface SparsePlan {
  /** In words: what is dense and what is left out elsewhere. */
  readonly summary: string;
  /** The curve along which attention sees the tokens. */
  readonly order: Int32Array;
  /** True when a step computes everything. */
  isDense(step: number): boolean;
  /** The spec of a layer; undefined where it is dense. */
  attention(step: number, layer: number): Partial<AttentionSpec> | undefined;
}

/** Share of the steps that stays dense in a model without a recipe of its own. */
const DENSE_SHARE = 1 / 4;

/**
 * @param id of the published checkpoint, where it is one
 * @throws RangeError that names the option
 */
export function sparsePlan(
  components: Components,
  id: string | undefined,
  size: VideoSize,
  timesteps: readonly number[],
  options: SparseOptions,
): SparsePlan {
  const card = cardFor(components, id, size, timesteps.length);
  const adapter = new ModelAdapter(card, { ...options, size, timesteps, tokenOrder: "curve" });
  const { schedule, settings } = adapter;
  return {
    summary: summarize(adapter),
    order: adapter.layout().curveToLinear,
    isDense: (step) => schedule.denseSteps.includes(step) || schedule.denseLayers.length === card.layers,
    attention: (step, layer) => {
      if (adapter.isDense({ layer, step })) return undefined;
      const { batch: _, heads: __, headDim: ___, dtype: ____, ...spec } = adapter.attention({ layer, step });
      return { ...spec, blockSize: settings.blockSize };
    },
  };
}

/** The facts of the model: of its published relative, with its own sizes; or a cautious recipe. */
function cardFor(components: Components, id: string | undefined, size: VideoSize, steps: number): ModelCard {
  const { transformer, vae, boundary, scheduler } = components;
  const known = modelNames.find((name) => name === id || name.startsWith(`${id}-`));
  const base = findModel(known ?? "wan2.1-t2v-1.3b");
  const shift = typeof scheduler.flow_shift === "number" ? scheduler.flow_shift : 1;
  const { experts: _, ...rest } = base;
  return {
    ...rest,
    ...(known ? {} : { name: "wan", title: "this model", denseLayers: [0], dropRate: 0.8 }),
    denseSteps:
      boundary === undefined
        ? [denseSteps(base, known, steps)]
        : base.experts
          ? base.denseSteps
          : [denseSteps(base, known, steps), 0],
    defaultSize: size,
    vaeStride: [vae.temporalFactor, vae.spatialFactor, vae.spatialFactor],
    patch: transformer.patch,
    layers: transformer.layers,
    layerGroups: [{ name: "block", layers: transformer.layers }],
    heads: transformer.heads,
    headDim: transformer.headDim,
    rotary: { theta: 10_000, axes: wanAxes(transformer.headDim).widths as [number, number, number] },
    ...(boundary === undefined ? {} : { experts: { boundaryRatio: boundary, flowShift: shift } }),
  };
}

/** Of a published recipe as it is, of others a share of the steps. */
const denseSteps = (base: ModelCard, known: string | undefined, steps: number): number =>
  known ? (base.denseSteps[0] ?? 0) : Math.max(1, Math.floor(steps * DENSE_SHARE));

function summarize({ schedule, settings, card }: ModelAdapter): string {
  const { dropRate, coverMass, rectify, policy, preset } = settings;
  const list = (numbers: readonly number[]) => (numbers.length > 0 ? numbers.map((n) => n + 1).join(", ") : "none");
  const rule =
    policy || preset
      ? "a policy of its own"
      : `${Math.round(100 * dropRate)} % of the blocks dropped${coverMass > 0 ? `, ${coverMass} of the mass covered` : ""}`;
  return `${rectify}, ${rule}; dense steps: ${list(schedule.denseSteps)} of ${schedule.steps}; dense layers: ${list(schedule.denseLayers)} of ${card.layers}`;
}
