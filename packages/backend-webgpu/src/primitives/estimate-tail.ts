import type { EstimateTailStep } from "@spaattn/attention";
import { tailErrorsKernel, tailLogitsKernel } from "../kernels/estimate-tail.js";
import { productTile } from "../kernels/products.js";
import { tailInsightKernel, tailSelectKernel } from "../kernels/tail-select.js";
import type { HeadWindow, Lowering } from "../lowering.js";
import { blockValues } from "../wgsl/blocks.js";
import { rowCapacity } from "../wgsl/select.js";

const LARGE = ["key", "value", "bias", "strataBias", "logitVariance", "blockError", "blockMass"];

/** Block errors, selection and the bias of every stratum (docs/tail.md#bias and docs/tail.md#selection). */
export function lowerTailEstimate(step: EstimateTailStep, lowering: Lowering): void {
  const { geometry, device } = lowering;
  const { visualBlocks: n, headDim: d, textTokens, scale } = geometry;
  const strata = n * step.strataPerBlock;
  const columns = strata + textTokens;
  const shape = { strata, group: step.group, groups: Math.ceil(n / step.group) };
  const { tile } = productTile(n);
  const tiles = Math.ceil(Math.min(step.group, n) / tile);
  const scratch: Record<string, number> = { logits: 4 * n * columns, textMass: 4 * n };
  if (!lowering.has("blockMass")) scratch.blockMass = 4 * n * n;
  const perGroup = ["strataKey", "strataValue", "strataSpread"];
  lowering.chose("estimate.rows", "one workgroup ranks a row of blocks by counting, without sorting");
  const capacity = rowCapacity(device, n);
  const values = blockValues(geometry);
  for (const window of lowering.windows([...LARGE, ...perGroup], scratch)) {
    lowering.emit(tailLogitsKernel(geometry, lowering.rows("key")), window, {
      bind: {
        query_mean: "queryMean",
        query_spread: "querySpread",
        strata_key: "strataKey",
        strata_mass: "strataMass",
        strata_spread: "strataSpread",
        key: "key",
        tau: "bias",
        logits: "logits",
      },
      params: { ...values, ...shape, columns, tiles, scale, m_min: step.mMin },
      grid: [Math.ceil(columns / tile), shape.groups * tiles],
      flops: 4 * n * columns * d,
    });
    const { strataPerBlock } = step;
    const error = lowering.has("blockError");
    lowering.emit(tailErrorsKernel({ geometry, values: lowering.rows("value"), strataPerBlock, error }), window, {
      bind: {
        logits: "logits",
        tau: "bias",
        strata_value: "strataValue",
        strata_noise: "strataNoise",
        value: "value",
        error: "blockError",
        mass: "blockMass",
        text_mass: "textMass",
      },
      params: { ...values, ...shape, columns, tau_max: step.tauMax },
      grid: [n, 1],
      flops: 5 * n * columns * d,
    });
    const limits = { h_max: step.hMax, m_min: step.mMin, minus_infinity: Number.NEGATIVE_INFINITY };
    emitInsight(lowering, window, { ...shape, ...limits });
    emitSelect(step, lowering, window, capacity, { ...shape, ...limits, columns });
  }
}

function emitInsight(lowering: Lowering, window: HeadWindow, params: { strata: number } & Record<string, number>) {
  const n = lowering.geometry.visualBlocks;
  const variance = lowering.has("logitVariance");
  const bias = lowering.has("strataBias");
  if (!variance && !bias) return;
  lowering.emit(tailInsightKernel(variance, bias), window, {
    bind: { tau: "bias", strata_mass: "strataMass", variance: "logitVariance", strata_bias: "strataBias" },
    params: { ...params, blocks: n },
    grid: [Math.ceil(params.strata / 64), n],
  });
}

function emitSelect(
  step: EstimateTailStep,
  lowering: Lowering,
  window: HeadWindow,
  capacity: number,
  params: Record<string, number>,
): void {
  const { geometry, tensors } = lowering;
  const n = geometry.visualBlocks;
  const { ranked, topBlocks, coverMass } = step.selection;
  const shape = { geometry, strataPerBlock: step.strataPerBlock, forced: lowering.has("forced"), capacity };
  lowering.emit(tailSelectKernel(shape), window, {
    bind: {
      logits: "logits",
      mass: "blockMass",
      text_mass: "textMass",
      strata_mass: "strataMass",
      forced: "forced",
      bias: "bias",
      counts: "counts",
      indices: "indices",
    },
    params: {
      ...blockValues(geometry),
      ...params,
      ranked: ranked ? 1 : 0,
      stride: step.stride,
      forced_stride: tensors.forced?.shape.length === 4 ? n * n : 0,
      top_blocks: topBlocks,
      cover_mass: coverMass,
    },
    grid: [n, 1],
    flops: n * n * n,
  });
}
