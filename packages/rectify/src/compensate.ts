import type { ImplicitAttention } from "@spaattn/mask";

/** The paper's rectification of one head. */
export interface Rectification {
  /** `[n]`: R */
  readonly factor: Float64Array;
  /** `[n, d]`: E */
  readonly compensation: Float64Array;
}

/**
 * Rectification factor and compensation (docs/method.md#output), for `out_a = R_i o_a + E_i`:
 *
 *     R_i = Σ_{j : M_ij ∨ ¬G_ij} P_ij + P_i,txt
 *     E_i = Σ_{j : ¬M_ij ∧ G_ij} P_ij v̄_j
 *
 * @param mask `[n, n]` selected visual blocks M
 * @param gain `[n, n]` gain test G
 * @param valueMean `[n, d]`
 */
export function rectification(
  attention: ImplicitAttention,
  mask: Uint8Array,
  gain: Uint8Array,
  valueMean: Float64Array,
): Rectification {
  const n = attention.text.length;
  const d = valueMean.length / n;
  const factor = attention.text.slice();
  const compensation = new Float64Array(n * d);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      const p = attention.visual[i * n + j];
      if (mask[i * n + j] || !gain[i * n + j]) factor[i] += p;
      else for (let ch = 0; ch < d; ch++) compensation[i * d + ch] += p * valueMean[j * d + ch];
    }
  return { factor, compensation };
}
