import { dot } from "@spaattn/mask";
import type { StrataBias } from "./bias.js";
import type { Summaries } from "./summaries.js";

export interface BlockErrorInput {
  /** `[n, d]` */
  readonly queryMean: Float64Array;
  readonly summaries: Summaries;
  readonly bias: StrataBias;
  /** `[T_v, d]` valid text keys; empty without text */
  readonly textKey: Float64Array;
  /** `[T_v, d]` */
  readonly textValue: Float64Array;
  readonly strataPerBlock: number;
  /** Query blocks per anchor. */
  readonly group: number;
  /** s */
  readonly scale: number;
  /** Cap of τ. */
  readonly tauMax: number;
}

export interface BlockError {
  /** `[n, n]`: E, the squared output error that summarising a block is expected to cause */
  readonly error: Float64Array;
  /** `[n, n]`: W, the attention mass of a block */
  readonly mass: Float64Array;
  /** `[n]`: mass of all text keys */
  readonly text: Float64Array;
}

/**
 * Expected error of summarising each block (docs/tail.md#selection):
 *
 *     ŵ = softmax over x_iu = s q̄_i·k̃_u + m_u + h_iu and y_im = s q̄_i·k_{N+m}
 *     ō_i = Σ_u ŵ_iu ṽ_u + Σ_m ŵ_im v_{N+m}
 *     E_ij = Σ_{u in j} ŵ_iu² ( τ' ν_u + ¼ τ'² ‖ṽ_u − ō_i‖² ),   τ' = min(τ_iu, τ_max)
 */
export function blockError(input: BlockErrorInput, headDim: number): BlockError {
  const { queryMean, bias, strataPerBlock } = input;
  const n = queryMean.length / headDim;
  const strata = bias.bias.length / n;
  const out = { error: new Float64Array(n * n), mass: new Float64Array(n * n), text: new Float64Array(n) };
  for (let i = 0; i < n; i++) {
    const { weight, output, text } = expectedRow(input, i, strata, headDim);
    out.text[i] = text;
    for (let u = 0; u < strata; u++) {
      const block = i * n + Math.floor(u / strataPerBlock);
      out.mass[block] += weight[u];
      out.error[block] += weight[u] ** 2 * unitError(input, i, u, strata, output, headDim);
    }
  }
  return out;
}

/** Softmax weights of the strata for the pooled query, the output they imply, and the mass of the text. */
function expectedRow(input: BlockErrorInput, i: number, strata: number, d: number) {
  const { queryMean, summaries, bias, textKey, textValue, group, scale } = input;
  const first = Math.floor(i / group) * strata;
  const textValid = textKey.length / d;
  const weight = new Float64Array(strata + textValid);
  for (let u = 0; u < strata; u++)
    weight[u] =
      scale * dot(queryMean, i, summaries.key, first + u, d) + summaries.mass[first + u] + bias.shift[i * strata + u];
  for (let m = 0; m < textValid; m++) weight[strata + m] = scale * dot(queryMean, i, textKey, m, d);
  const highest = weight.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  let total = 0;
  for (let u = 0; u < weight.length; u++) total += weight[u] = Math.exp(weight[u] - highest);
  const output = new Float64Array(d);
  let text = 0;
  for (let u = 0; u < weight.length; u++) {
    weight[u] /= total;
    if (u >= strata) text += weight[u];
    const [values, row] = u < strata ? [summaries.value, first + u] : [textValue, u - strata];
    for (let ch = 0; ch < d; ch++) output[ch] += weight[u] * values[row * d + ch];
  }
  return { weight, output, text };
}

/** τ' ν + ¼ τ'² ‖ṽ − ō‖²: value noise the summary cannot follow, plus misjudged mass times its distance. */
function unitError(
  input: BlockErrorInput,
  i: number,
  u: number,
  strata: number,
  output: Float64Array,
  d: number,
): number {
  const { summaries, bias, group, tauMax } = input;
  const at = Math.floor(i / group) * strata + u;
  const tau = Math.min(bias.variance[i * strata + u], tauMax);
  let distance = 0;
  for (let ch = 0; ch < d; ch++) distance += (summaries.value[at * d + ch] - output[ch]) ** 2;
  return tau * summaries.noise[at] + 0.25 * tau * tau * distance;
}
