import type { Plan } from "../plan.js";
import type { Step } from "../steps.js";

/** Operations of one step of levels for one head (levels.md section 7); 0 for steps that only move things. */
export function levelsFlop({ geometry, steps, tensors }: Plan, step: Step): number {
  const { visualTokens: N, visualBlocks: n, headDim: d, blockSize } = geometry;
  if (step.op === "cluster")
    // Means, spreads, ten rounds of k-means, and the bisection of the queries.
    return N * d * 4 + 10 * 3 * n * step.clusters * d + 4 * N * d * step.steps * Math.log2(Math.max(1, step.probes));
  if (step.op === "nodes") {
    const clusters = tensors.anchor.shape[2];
    return 4 * N * 2 * d * step.steps * step.depth + 10.8 * clusters * N * d;
  }
  const nodes = steps.find(({ step: { op } }) => op === "nodes")?.step;
  const rows = nodes?.op === "nodes" ? 2 ** (nodes.depth + 1) - 1 : 0;
  // Per pair of blocks: moments, and logits and projected values of every probe.
  if (step.op === "errors") return n * n * rows * (4 * d + step.probes * (2 * d + 32));
  if (step.op === "gather") return 2 * n * n * d * Math.min(rows, blockSize);
  return 0;
}
