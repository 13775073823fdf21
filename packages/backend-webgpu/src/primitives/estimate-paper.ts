import type { EstimatePaperStep } from "@spaattn/attention";
import { paperRectifyKernel, paperSelectKernel } from "../kernels/estimate-paper.js";
import { gainMapKernel, pooledScoresKernel } from "../kernels/pooled-scores.js";
import { productTile } from "../kernels/products.js";
import type { HeadWindow, Lowering } from "../lowering.js";
import { blockValues } from "../wgsl/blocks.js";
import { rowCapacity } from "../wgsl/select.js";

const PAIRS = ["scores", "doubt", "probabilities", "gain"];

/** Implicit full attention, selection, gain test, R and E (docs/method.md#implicit-attention to docs/method.md#output). */
export function lowerPaperEstimate(step: EstimatePaperStep, lowering: Lowering): void {
  const { geometry, device } = lowering;
  const { visualBlocks: n, headDim: d } = geometry;
  const gain = lowering.has("factor") || lowering.has("gain");
  const columns = geometry.textTokens > 0 ? n + 1 : n;
  const scratch: Record<string, number> = {};
  if (!lowering.has("scores")) scratch.scores = 4 * n * n;
  if (gain) scratch.doubt = 4 * n * n;
  if (!lowering.has("probabilities")) scratch.probabilities = 4 * n * columns;
  const capacity = rowCapacity(device, n);
  const { tile } = productTile(n);
  lowering.chose("estimate.rows", "one workgroup ranks a row of blocks by counting, without sorting");
  const roles = ["key", ...PAIRS.filter((role) => lowering.has(role))];
  // The gain map has four rows of flags in one word where n is odd.
  for (const window of lowering.windows(roles, scratch, 4)) {
    lowering.emit(pooledScoresKernel(geometry, gain), window, {
      bind: {
        query_mean: "queryMean",
        key_mean: "keyMean",
        query_deviation: "queryDeviation",
        key_deviation: "keyDeviation",
        scores: "scores",
        doubt: "doubt",
      },
      params: { blocks: n },
      grid: [Math.ceil(n / tile), Math.ceil(n / tile)],
      flops: (gain ? 6 : 2) * n * n * d,
    });
    emitSelect(step, lowering, window, columns, capacity);
    if (lowering.has("factor"))
      lowering.emit(paperRectifyKernel(geometry, capacity), window, {
        bind: {
          scores: "scores",
          doubt: "doubt",
          probabilities: "probabilities",
          counts: "counts",
          indices: "indices",
          value_mean: "valueMean",
          factor: "factor",
          compensation: "compensation",
        },
        params: { ...blockValues(geometry), columns, stride: step.stride },
        grid: [n, 1],
        flops: 2 * n * n * d,
      });
    if (lowering.has("gain")) emitGainMap(lowering, window);
  }
}

function emitSelect(
  step: EstimatePaperStep,
  lowering: Lowering,
  window: HeadWindow,
  columns: number,
  capacity: number,
): void {
  const { geometry, tensors } = lowering;
  const n = geometry.visualBlocks;
  const { ranked, topBlocks, coverMass, textCompetes } = step.selection;
  const forced = lowering.has("forced");
  lowering.emit(paperSelectKernel({ geometry, keys: lowering.rows("key"), forced, capacity }), window, {
    bind: {
      scores: "scores",
      query_mean: "queryMean",
      key: "key",
      forced: "forced",
      probabilities: "probabilities",
      counts: "counts",
      indices: "indices",
    },
    params: {
      ...blockValues(geometry),
      ranked: ranked ? 1 : 0,
      stride: step.stride,
      forced_stride: tensors.forced?.shape.length === 4 ? n * n : 0,
      top_blocks: topBlocks,
      cover_mass: coverMass,
      columns,
      text_competes: textCompetes ? 1 : 0,
      uniform_weights: step.weights === "uniform" ? 1 : 0,
      scale: geometry.scale,
    },
    grid: [n, 1],
    flops: n * (n * n + 2 * geometry.textTokens * geometry.headDim),
  });
}

function emitGainMap(lowering: Lowering, window: HeadWindow): void {
  const n = lowering.geometry.visualBlocks;
  const count = window.count * n * n;
  const groups = Math.ceil(count / 256);
  const wide = Math.min(groups, 32768);
  // All heads of the window lie in one flat range, so the third grid dimension is not heads here.
  lowering.emit(gainMapKernel(), window, {
    bind: { scores: "scores", doubt: "doubt", gain: "gain" },
    params: { count, wide: wide * 64 },
    grid: [wide, Math.ceil(groups / wide)],
    heads: 1,
  });
}
