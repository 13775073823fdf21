import type { HostTensor } from "@spaattn/core";

/** The two sides of the gain test (algorithm.md section 5) from pooled tensors `[b, h, n, d]`, each `[b, h, n, n]`. */
export function gainSides(tensors: {
  readonly queryMean: HostTensor;
  readonly keyMean: HostTensor;
  readonly queryDeviation: HostTensor;
  readonly keyDeviation: HostTensor;
}): { gain: Float64Array; error: Float64Array } {
  const [batch, heads, n, d] = tensors.queryMean.shape;
  const [q, k, dq, dk] = [tensors.queryMean, tensors.keyMean, tensors.queryDeviation, tensors.keyDeviation].map(
    (t) => t.data,
  );
  const gain = new Float64Array(batch * heads * n * n);
  const error = new Float64Array(gain.length);
  for (let plane = 0; plane < batch * heads; plane++)
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) {
        const [a, b] = [(plane * n + i) * d, (plane * n + j) * d];
        let [score, left, right] = [0, 0, 0];
        for (let c = 0; c < d; c++) {
          score += q[a + c] * k[b + c];
          left += dq[a + c] * k[b + c];
          right += q[a + c] * dk[b + c];
        }
        const at = (plane * n + i) * n + j;
        gain[at] = Math.abs(score);
        error[at] = Math.abs(left) + Math.abs(right);
      }
  return { gain, error };
}
