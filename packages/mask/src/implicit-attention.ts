/** Pooled logits of one head, unscaled. */
export interface PooledLogits {
  /** `[n, n]`: q̄_i · k̄_j */
  readonly scores: Float64Array;
  /** `[n, T_v]`: q̄_i · k_{N+m}, the valid text keys one by one; empty without text. */
  readonly textScores: Float64Array;
  /** s */
  readonly scale: number;
  /** `[n]` keys each pooled logit stands for: c_j, or B throughout as in the original (docs/corrections.md#no-2). */
  readonly weights: Float64Array;
}

/** Implicit full attention of one head. */
export interface ImplicitAttention {
  /** `[n, n]`: P of the visual blocks */
  readonly visual: Float64Array;
  /** `[n]`: P_i,txt, all text together; zero without text */
  readonly text: Float64Array;
}

/**
 * Implicit full attention with isolated text and reallocation (docs/method.md#implicit-attention):
 *
 *     Z_i     = Σ_j c_j exp(s q̄_i·k̄_j) + Σ_m exp(s q̄_i·k_{N+m})
 *     P_ij    = c_j exp(s q̄_i·k̄_j) / Z_i
 *     P_i,txt = Σ_m exp(s q̄_i·k_{N+m}) / Z_i
 *
 * A pooled logit stands for as many keys as its block holds, a text logit for one.
 */
export function implicitAttention(logits: PooledLogits): ImplicitAttention {
  const { scores, textScores, scale, weights } = logits;
  const n = weights.length;
  const textValid = textScores.length / n;
  const visual = new Float64Array(n * n);
  const text = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let highest = Number.NEGATIVE_INFINITY;
    for (let j = 0; j < n; j++) highest = Math.max(highest, scale * scores[i * n + j]);
    for (let m = 0; m < textValid; m++) highest = Math.max(highest, scale * textScores[i * textValid + m]);
    let z = 0;
    for (let j = 0; j < n; j++) z += visual[i * n + j] = weights[j] * Math.exp(scale * scores[i * n + j] - highest);
    for (let m = 0; m < textValid; m++) text[i] += Math.exp(scale * textScores[i * textValid + m] - highest);
    z += text[i];
    for (let j = 0; j < n; j++) visual[i * n + j] /= z;
    text[i] /= z;
  }
  return { visual, text };
}

/** P as one matrix `[n, columns]`: with `columns = n + 1` the text column comes last. */
export function probabilityColumns({ visual, text }: ImplicitAttention, columns: number): Float64Array {
  const n = text.length;
  if (columns === n) return visual;
  const all = new Float64Array(n * columns);
  for (let i = 0; i < n; i++) {
    all.set(visual.subarray(i * n, (i + 1) * n), i * columns);
    all[i * columns + n] = text[i];
  }
  return all;
}
