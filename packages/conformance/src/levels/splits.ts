import { type AttentionSpec, resolveSpec } from "@spaattn/attention";
import type { HostTensor } from "@spaattn/core";
import { blockMeans } from "@spaattn/mask";
import { clusterMargin, nestedMargins, probeMargin } from "@spaattn/rectify";
import { type Outcome, unravel } from "../check.js";
import type { HostResults } from "../evaluate.js";
import type { CaseInputs } from "../inputs.js";

/** Names of the decisions that come before everything else, and of the tensors that show them. */
export type Split = "cluster" | "order" | "probe";

/** How close the oracle's decisions of one head `[b, h]` are; inputs along the curve. */
export function splitMargin(split: Split, spec: AttentionSpec, inputs: CaseInputs, plane: number): number {
  const { geometry, levels } = resolveSpec(spec);
  const { tokens, visualTokens, headDim, blockSize } = geometry;
  const shape = { visualTokens, headDim, blockSize };
  const rows = (tensor: HostTensor) => {
    const start = plane * tokens * headDim;
    return Float64Array.from(tensor.toFloat32().subarray(start, start + visualTokens * headDim));
  };
  const query = rows(inputs.query);
  if (split === "cluster") return clusterMargin(blockMeans(query, shape), headDim, levels.clusters);
  if (split === "probe") return probeMargin(query, shape, levels.probes, levels.steps);
  return nestedMargins(rows(inputs.key), rows(inputs.value), shape, levels).reduce((a, b) => Math.min(a, b));
}

export interface SplitQuestion {
  readonly split: Split;
  readonly spec: AttentionSpec;
  /** In curve order. */
  readonly inputs: CaseInputs;
  readonly got: HostResults;
  readonly expected: HostResults;
  /** Relative gap at a decision below which it may fall either way. */
  readonly margin: number;
  /** For probes, which are numbers. */
  readonly tolerance: number;
}

/**
 * Compares clusters, orders or probes head by head. A head may differ only where one of the oracle's own decisions is
 * closer than the margin; such heads are returned, and nothing that follows is compared for them.
 */
export function checkSplit(question: SplitQuestion): { outcome: Outcome; close: ReadonlySet<number> } {
  const { split, got, expected, spec, inputs } = question;
  const theirs = expected[split];
  const close = new Set<number>();
  const size = theirs.data.length / (theirs.shape[0] * theirs.shape[1]);
  for (let plane = 0; plane < theirs.data.length / size; plane++) {
    const wrong = firstDifference(question, plane * size, size);
    if (wrong < 0) continue;
    const margin = splitMargin(split, spec, inputs, plane);
    if (margin > question.margin)
      return {
        close,
        outcome: {
          ok: false,
          maxError: 1,
          tolerance: 0,
          firstIndex: unravel(wrong, theirs.shape),
          got: got[split].data[wrong],
          expected: theirs.data[wrong],
          note: `decided by a relative gap of ${margin.toExponential(1)}, which is clear enough`,
        },
      };
    close.add(plane);
  }
  const note = close.size > 0 ? { note: `${close.size} heads decided too close to call` } : {};
  return { outcome: { ok: true, maxError: 0, tolerance: 0, ...note }, close };
}

/** The first element of one head that differs, -1 when none does. */
function firstDifference({ split, got, expected, tolerance }: SplitQuestion, start: number, size: number): number {
  const [ours, theirs] = [got[split].data, expected[split].data];
  let unit = 0;
  if (split === "probe") for (let at = start; at < start + size; at++) unit = Math.max(unit, Math.abs(theirs[at]));
  for (let at = start; at < start + size; at++)
    if (!(Math.abs(ours[at] - theirs[at]) <= tolerance * (unit || 1) * Number(split === "probe"))) return at;
  return -1;
}
