import type { SummarizeStep } from "@spaattn/attention";
import { poolKernel } from "../kernels/pool.js";
import { identityOrderKernel, splitKernel } from "../kernels/strata.js";
import { directionsKernel, momentsKernel, momentTiles } from "../kernels/strata-eigen.js";
import { strataKeysKernel, strataValuesKernel } from "../kernels/summaries.js";
import type { HeadWindow, Lowering } from "../lowering.js";
import { blockValues } from "../wgsl/blocks.js";

/** Splits every key block into strata and summarises each at the anchors (docs/tail.md#strata and docs/tail.md#summaries). */
export function lowerSummarize(step: SummarizeStep, lowering: Lowering): void {
  const { geometry } = lowering;
  const { visualBlocks: n, blockSize, headDim: d } = geometry;
  const scratch: Record<string, number> = {};
  if (!lowering.has("order")) scratch.order = 4 * n * blockSize;
  if (step.strata === "eigen") Object.assign(scratch, { keyMean: 4 * n * d, moments: 8 * d * d, direction: 8 * d });
  lowering.chose(
    `summarize.${step.strata}`,
    step.strata === "contiguous"
      ? "token order is kept, so nothing is sorted"
      : "one workgroup splits a block; sorting by counting",
  );
  const groups = Math.ceil(n / step.group);
  const large = ["query", "key", "value", "strataKey", "strataValue", "strataSpread"];
  for (const window of lowering.windows(large, scratch)) {
    emitOrder(step, lowering, window);
    const { strataPerBlock } = step;
    const shape = { geometry, keys: lowering.rows("key"), values: lowering.rows("value"), strataPerBlock };
    const params = {
      ...blockValues(geometry),
      groups,
      scale: geometry.scale,
      minus_infinity: Number.NEGATIVE_INFINITY,
    };
    const inputs = { key: "key", anchor: "anchor", order: "order" };
    lowering.emit(strataKeysKernel(shape), window, {
      bind: { ...inputs, strata_key: "strataKey", strata_mass: "strataMass", strata_spread: "strataSpread" },
      params,
      grid: [n, groups],
      flops: 8 * groups * n * blockSize * d,
    });
    lowering.emit(strataValuesKernel(shape), window, {
      bind: { ...inputs, value: "value", strata_value: "strataValue", strata_noise: "strataNoise" },
      params,
      grid: [n, groups],
      flops: 8 * groups * n * blockSize * d,
    });
  }
}

function emitOrder(step: SummarizeStep, lowering: Lowering, window: HeadWindow): void {
  const { geometry } = lowering;
  const { visualBlocks: n, blockSize, headDim: d } = geometry;
  const { strata, strataPerBlock, steps } = step;
  if (strata === "contiguous") {
    lowering.emit(identityOrderKernel(blockSize), window, {
      bind: { order: "order" },
      params: { blocks: n },
      grid: [n, 1],
    });
    return;
  }
  if (strata === "eigen") emitDirections(step, lowering, window);
  const shape = { geometry, keys: lowering.rows("key"), strataPerBlock, ...(strata === "local" ? { steps } : {}) };
  lowering.emit(splitKernel(shape), window, {
    bind: { key: "key", direction: "direction", order: "order" },
    params: blockValues(geometry),
    grid: [n, 1],
    flops: 4 * Math.log2(strataPerBlock) * steps * n * blockSize * d,
  });
}

function emitDirections(step: SummarizeStep, lowering: Lowering, window: HeadWindow): void {
  const { geometry } = lowering;
  const { visualBlocks: n, headDim: d, visualTokens } = geometry;
  const values = blockValues(geometry);
  const pooled = { geometry, storage: lowering.rows("key"), spread: "none", padding: "valid" } as const;
  lowering.emit(poolKernel(pooled), window, { bind: { rows: "key", mean: "keyMean" }, params: values, grid: [n, 1] });
  const tokenStep = Math.max(1, Math.floor(visualTokens / 8192));
  const samples = Math.ceil(visualTokens / tokenStep);
  lowering.emit(momentsKernel(geometry, lowering.rows("query")), window, {
    bind: { query: "query", key: "key", key_mean: "keyMean", moments: "moments" },
    params: { ...values, token_step: tokenStep, samples },
    grid: [momentTiles(d), 2],
    flops: 4 * samples * d * d,
  });
  lowering.emit(directionsKernel(d), window, {
    bind: { moments: "moments", direction: "direction" },
    params: { steps: step.steps },
    grid: [1, 1],
    flops: 12 * step.steps * d * d,
  });
}
