/** Bounds of the second-order shift (docs/tail.md#bias). */
export interface BiasOptions {
  /** s */
  readonly scale: number;
  /** Cap of the shift in the bias, in nats. */
  readonly hMax: number;
  /** Floor of m in the shift. */
  readonly mMin: number;
}

/** Shift h of a stratum's log-mass by the variance τ of its logits, uncapped; m is the tangent offset. */
export function shift(variance: number, mass: number, mMin: number): number {
  const m = Math.max(mass, mMin);
  // Beyond τ = 2m the largest single token dominates: growth is linear in the standard deviation.
  return variance <= 2 * m ? variance / 2 : Math.sqrt(2 * m * variance) - m;
}

/** What a block's rows add to the logit of every stratum. */
export interface StrataBias {
  /** `[n, u]`: τ */
  readonly variance: Float64Array;
  /** `[n, u]`: h, uncapped; 0 for empty strata */
  readonly shift: Float64Array;
  /** `[n, u]`: b = m + min(h, h_max); −∞ for empty strata */
  readonly bias: Float64Array;
}

/**
 * Bias of every stratum for every query block (docs/tail.md#bias):
 *
 *     τ_iu = s² Σ_ch κ_u,ch ρ_i,ch        b_iu = m_u + min(h(τ_iu, m_u), h_max)
 *
 * @param querySpread `[n, d]` ρ
 * @param spread `[g, u, d]` κ
 * @param mass `[g, u]` m
 * @param group query blocks per anchor
 */
export function strataBias(
  querySpread: Float64Array,
  spread: Float64Array,
  mass: Float64Array,
  n: number,
  group: number,
  { scale, hMax, mMin }: BiasOptions,
): StrataBias {
  const d = querySpread.length / n;
  const strata = mass.length / Math.ceil(n / group);
  const variance = new Float64Array(n * strata);
  const shifts = new Float64Array(n * strata);
  const bias = new Float64Array(n * strata);
  for (let i = 0; i < n; i++)
    for (let u = 0; u < strata; u++) {
      const at = Math.floor(i / group) * strata + u;
      const to = i * strata + u;
      let tau = 0;
      for (let ch = 0; ch < d; ch++) tau += spread[at * d + ch] * querySpread[i * d + ch];
      variance[to] = scale * scale * tau;
      const empty = mass[at] === Number.NEGATIVE_INFINITY;
      shifts[to] = empty ? 0 : shift(variance[to], mass[at], mMin);
      bias[to] = mass[at] + Math.min(shifts[to], hMax);
    }
  return { variance, shift: shifts, bias };
}
