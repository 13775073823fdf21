import { dot, type HeadShape } from "@spaattn/mask";

/** Summaries of all strata at all anchors of one head (docs/tail.md#summaries). */
export interface Summaries {
  /** `[g, u, d]`: k̃ */
  readonly key: Float64Array;
  /** `[g, u, d]`: ṽ */
  readonly value: Float64Array;
  /** `[g, u]`: the tangent offset m; −∞ for an empty stratum */
  readonly mass: Float64Array;
  /** `[g, u, d]`: κ */
  readonly spread: Float64Array;
  /** `[g, u]`: ν */
  readonly noise: Float64Array;
}

export interface SummariesInput {
  /** `[N, d]` */
  readonly key: Float64Array;
  /** `[N, d]` */
  readonly value: Float64Array;
  /** `[g, d]` */
  readonly anchor: Float64Array;
  /** `[n * B]` slot to token index */
  readonly order: Int32Array;
  readonly strataPerBlock: number;
  /** s */
  readonly scale: number;
}

/**
 * Summarises every stratum at every anchor:
 *
 *     z_r = s a·k_r     p = softmax(z)     k̃ = Σ p_r k_r     ṽ = Σ p_r v_r     m = log Σ exp(z_r) − s a·k̃
 *     κ = Σ p_r (k_r − k̃)²  (element-wise)     ν = Σ p_r ‖v_r − ṽ‖²
 *
 * `s q·k̃ + m` is the tangent of `log Σ exp(s q·k_r)` at the anchor: a lower bound, exact there.
 */
export function summarize(input: SummariesInput, shape: HeadShape): Summaries {
  const { anchor, order, strataPerBlock } = input;
  const { headDim: d, blockSize, visualTokens } = shape;
  const groups = anchor.length / d;
  const size = blockSize / strataPerBlock;
  const strata = order.length / size;
  const out: Summaries = {
    key: new Float64Array(groups * strata * d),
    value: new Float64Array(groups * strata * d),
    mass: new Float64Array(groups * strata).fill(Number.NEGATIVE_INFINITY),
    spread: new Float64Array(groups * strata * d),
    noise: new Float64Array(groups * strata),
  };
  for (let u = 0; u < strata; u++) {
    const tokens = order.subarray(u * size, (u + 1) * size).filter((token) => token < visualTokens);
    if (tokens.length === 0) continue;
    for (let g = 0; g < groups; g++) summarizeStratum(input, tokens, g, g * strata + u, d, out);
  }
  return out;
}

function summarizeStratum(
  { key, value, anchor, scale }: SummariesInput,
  tokens: Int32Array,
  g: number,
  at: number,
  d: number,
  out: Summaries,
): void {
  const meanKey = out.key.subarray(at * d, (at + 1) * d);
  const meanValue = out.value.subarray(at * d, (at + 1) * d);
  const spread = out.spread.subarray(at * d, (at + 1) * d);
  const z = Float64Array.from(tokens, (token) => scale * dot(anchor, g, key, token, d));
  const highest = z.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const total = z.reduce((sum, logit) => sum + Math.exp(logit - highest), 0);
  const p = z.map((logit) => Math.exp(logit - highest) / total);
  tokens.forEach((token, r) => {
    for (let ch = 0; ch < d; ch++) {
      meanKey[ch] += p[r] * key[token * d + ch];
      meanValue[ch] += p[r] * value[token * d + ch];
    }
  });
  tokens.forEach((token, r) => {
    for (let ch = 0; ch < d; ch++) {
      spread[ch] += p[r] * (key[token * d + ch] - meanKey[ch]) ** 2;
      out.noise[at] += p[r] * (value[token * d + ch] - meanValue[ch]) ** 2;
    }
  });
  out.mass[at] = highest + Math.log(total) - scale * dot(anchor, g, meanKey, 0, d);
}
