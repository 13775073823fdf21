import { nodeRowCount } from "@spaattn/attention";
import { dot } from "@spaattn/mask";
import { type BiasOptions, type StrataBias, shift } from "../tail/bias.js";
import type { Summaries } from "../tail/summaries.js";

/**
 * Variance, shift and bias of the nodes of all levels for one query block (beyond.md section 5), each `[rows]`.
 *
 * @param querySpread `[n, d]` ρ
 * @param group the block's cluster
 */
export function nodeBias(
  querySpread: Float64Array,
  i: number,
  summaries: Summaries,
  group: number,
  { blocks, depth, scale, hMax, mMin }: BiasOptions & { readonly blocks: number; readonly depth: number },
): StrataBias {
  const d = querySpread.length / blocks;
  const rows = nodeRowCount(blocks, depth);
  const out = {
    variance: new Float64Array(rows),
    shift: new Float64Array(rows),
    bias: new Float64Array(rows).fill(Number.NEGATIVE_INFINITY),
  };
  for (let row = 0; row < rows; row++) {
    const at = group * rows + row;
    const mass = summaries.mass[at];
    if (mass === Number.NEGATIVE_INFINITY) continue;
    out.variance[row] = scale * scale * dot(summaries.spread, at, querySpread, i, d);
    out.shift[row] = shift(out.variance[row], mass, mMin);
    out.bias[row] = mass + Math.min(out.shift[row], hMax);
  }
  return out;
}
