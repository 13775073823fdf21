import type { PermuteStep } from "@spaattn/attention";
import { byteSize } from "@spaattn/core";
import { permuteKernel } from "../kernels/permute.js";
import type { Lowering } from "../lowering.js";

const THREADS = 64;

/** tokens[:, :, i] = source[:, :, order[i]] */
export function lowerPermute(_step: PermuteStep, lowering: Lowering): void {
  const { geometry, tensors } = lowering;
  const words = (geometry.headDim * byteSize(tensors.source!.dtype)) / 8;
  const kernel = permuteKernel(THREADS);
  lowering.chose(kernel.name, "rows are copied as they are, whatever their type");
  // Two grid dimensions: one alone may not hold all tokens.
  const groups = Math.ceil((geometry.tokens * words) / THREADS);
  const wide = Math.min(groups, 32768);
  for (const window of lowering.windows(["source", "tokens"]))
    lowering.emit(kernel, window, {
      bind: { source: "source", order: "order", tokens: "tokens" },
      params: { count: geometry.tokens, words, wide: wide * THREADS },
      grid: [wide, Math.ceil(groups / wide)],
    });
}
