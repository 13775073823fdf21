import { type AttentionSpec, resolveSpec } from "@spaattn/attention";
import type { HostTensor } from "@spaattn/core";
import { strataMargins } from "@spaattn/rectify";
import { type Outcome, unravel } from "./check.js";
import type { CaseInputs } from "./inputs.js";
import { closeOutcome } from "./mask-check.js";

export interface StrataQuestion {
  readonly spec: AttentionSpec;
  /** In curve order. */
  readonly inputs: CaseInputs;
  /** `[b, h, n * blockSize]` slot to token tables. */
  readonly got: HostTensor;
  readonly expected: HostTensor;
  /** Relative gap at a cut below which a token may fall on either side. */
  readonly margin: number;
  /** Share of the blocks that may really differ; default all that are close enough. */
  readonly most?: number;
}

/** An outcome, and the heads `[b, h]` whose strata differ although nothing is wrong. */
export interface StrataOutcome {
  readonly outcome: Outcome;
  readonly close: ReadonlySet<number>;
}

/**
 * Compares stratum orders as sets of tokens per stratum (beyond.md section 13). A block may differ only where the
 * oracle's own cut is closer than the margin.
 */
export function checkStrata(question: StrataQuestion): StrataOutcome {
  const { got, expected, spec } = question;
  const { geometry, tail } = resolveSpec(spec);
  const { blockSize, visualBlocks: n } = geometry;
  const close = new Set<number>();
  if (got.data.length !== expected.data.length)
    return { outcome: { ok: false, note: `has ${got.data.length} entries, expected ${expected.data.length}` }, close };
  const slots = blockSize / tail.strataPerBlock;
  let blocks = 0;
  for (let block = 0; block < expected.data.length / blockSize; block++) {
    const wrong = misplaced(got.data, expected.data, block * blockSize, blockSize, slots);
    if (wrong < 0) continue;
    const plane = Math.floor(block / n);
    const gap = blockMargins(question, plane)[block % n];
    if (gap > question.margin) {
      const outcome: Outcome = {
        ok: false,
        maxError: 1,
        tolerance: 0,
        firstIndex: unravel(wrong, expected.shape),
        got: got.data[wrong],
        expected: expected.data[wrong],
        note: `decided by a relative gap of ${gap.toExponential(1)}, which is clear enough`,
      };
      return { outcome, close };
    }
    close.add(plane);
    blocks++;
  }
  const all = expected.data.length / blockSize;
  return { outcome: closeOutcome(blocks, all, question.most, "blocks cut too close to call"), close };
}

/** The first slot of a block whose token belongs to another stratum, or -1. */
function misplaced(
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  start: number,
  blockSize: number,
  slots: number,
): number {
  for (let from = start; from < start + blockSize; from += slots) {
    const members = new Set<number>();
    for (let i = from; i < from + slots; i++) members.add(expected[i]);
    for (let i = from; i < from + slots; i++) if (!members.delete(got[i])) return i;
  }
  return -1;
}

/** How close the oracle's cuts are in one `[b, h]` plane. */
function blockMargins({ spec, inputs }: StrataQuestion, plane: number): Float64Array {
  const { geometry, tail } = resolveSpec(spec);
  const { tokens, visualTokens, headDim, blockSize } = geometry;
  const rows = (tensor: HostTensor) => {
    const start = plane * tokens * headDim;
    return Float64Array.from(tensor.toFloat32().subarray(start, start + visualTokens * headDim));
  };
  return strataMargins(rows(inputs.query), rows(inputs.key), { visualTokens, headDim, blockSize }, tail);
}
