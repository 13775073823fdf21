import { blockRow, levelStart, nodeRowCount } from "@spaattn/attention";
import { dot } from "@spaattn/mask";
import { type BlockErrors, type ErrorInput, expectedOutput } from "./moment-error.js";

/** Channels values are projected onto before they are compared. */
export const PROJECTED = 16;

/** Ω `[d, 16]`, a fixed table of ±1/4: `sign(cos(1 + 0.7 t²)) / 4`, `t = 16 ch + e` (levels.md section 3). */
export const projection = (headDim: number): Float64Array =>
  Float64Array.from({ length: headDim * PROJECTED }, (_, t) => Math.sign(Math.cos(1 + 0.7 * t * t)) / 4);

/** Rows `[rows, d]` projected, `[rows, 16]`. */
export function projectRows(rows: Float64Array, headDim: number): Float64Array {
  const omega = projection(headDim);
  const out = new Float64Array((rows.length / headDim) * PROJECTED);
  for (let row = 0; row < rows.length / headDim; row++)
    for (let ch = 0; ch < headDim; ch++) {
      const x = rows[row * headDim + ch];
      for (let e = 0; e < PROJECTED; e++) out[row * PROJECTED + e] += x * omega[ch * PROJECTED + e];
    }
  return out;
}

/**
 * `S_l(i, j)` of every level for one query block: what the output of a few probes loses when block j is at level l instead
 * of the leaves (levels.md section 3)
 *
 *     D_l(r, j) = Σ_{u in j at level l} (e^{g_u} / Z_r) Ωᵀ(ṽ_u − o_r)        S_l = mean_r ‖D_l − D_L‖²
 *
 * @param probes `[r, d]`
 * @param projected `[g, rows, 16]` values of all nodes, projected
 */
export function probeErrors(probes: Float64Array, projected: Float64Array, input: ErrorInput): BlockErrors {
  const { blocks, headDim: d, depth } = input;
  const count = probes.length / d;
  const error = new Float64Array((depth + 1) * blocks);
  let power = 0;
  for (let r = 0; r < count; r++) {
    const probe = probes.subarray(r * d, (r + 1) * d);
    power += addProbe(probe, projected, input, 1 / count, error) / count;
  }
  return { error, power };
}

/** Adds the share of one probe to `error`; returns ‖o_r‖². */
function addProbe(
  probe: Float64Array,
  projected: Float64Array,
  input: ErrorInput,
  share: number,
  error: Float64Array,
): number {
  const { blocks, headDim: d, depth, group, summaries, bias, scale } = input;
  const first = group * nodeRowCount(blocks, depth);
  const logit = (row: number) => scale * dot(probe, 0, summaries.key, first + row, d) + bias.bias[row];
  const { output, logTotal } = expectedOutput(probe, levelStart(blocks, depth), blocks * 2 ** depth, logit, input);
  const centre = projectRows(output, d);
  const effect = (level: number, block: number): Float64Array => {
    const sum = new Float64Array(PROJECTED);
    const start = blockRow(blocks, level, block);
    for (let row = start; row < start + 2 ** level; row++) {
      const weight = Math.exp(logit(row) - logTotal);
      for (let e = 0; e < PROJECTED; e++) sum[e] += weight * (projected[(first + row) * PROJECTED + e] - centre[e]);
    }
    return sum;
  };
  for (let block = 0; block < blocks; block++) {
    const finest = effect(depth, block);
    for (let level = 0; level < depth; level++)
      error[level * blocks + block] +=
        share * effect(level, block).reduce((sum, x, e) => sum + (x - finest[e]) ** 2, 0);
  }
  return dot(output, 0, output, 0, d);
}
