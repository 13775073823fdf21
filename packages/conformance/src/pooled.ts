import type { HostTensor } from "@spaattn/core";
import { dot } from "@spaattn/mask";

/** The two sides of the gain test (docs/method.md#gain) from pooled tensors `[b, h, n, d]`, each `[b, h, n, n]`. */
export function gainSides(tensors: Readonly<Record<string, HostTensor>>): { gain: Float64Array; error: Float64Array } {
  const [batch, heads, n, d] = tensors.queryMean.shape;
  const rows = (name: string) => Float64Array.from(tensors[name].data);
  const [q, k] = [rows("queryMean"), rows("keyMean")];
  const [dq, dk] = [rows("queryDeviation"), rows("keyDeviation")];
  const gain = new Float64Array(batch * heads * n * n);
  const error = new Float64Array(gain.length);
  for (let at = 0; at < gain.length; at++) {
    const i = Math.floor(at / n);
    const j = Math.floor(i / n) * n + (at % n);
    gain[at] = Math.abs(dot(q, i, k, j, d));
    error[at] = Math.abs(dot(dq, i, k, j, d)) + Math.abs(dot(q, i, dk, j, d));
  }
  return { gain, error };
}
