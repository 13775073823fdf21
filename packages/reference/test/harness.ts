import { type AttentionSpec, createAttention, maskToDense } from "@spaattn/attention";
import { HostTensor } from "@spaattn/core";
import { reference } from "../src/index.js";

/** Smooth, reproducible numbers with some structure along the tokens: `[b, h, S, d]`. */
export function wave(spec: AttentionSpec, seed: number, size = 1): HostTensor<"f32"> {
  const shape = [spec.batch ?? 1, spec.heads, spec.visualTokens + (spec.textTokens ?? 0), spec.headDim];
  const tensor = new HostTensor("f32", shape);
  const d = spec.headDim;
  for (let i = 0; i < tensor.data.length; i++) {
    const row = Math.floor(i / d);
    tensor.data[i] = size * (Math.sin(seed + row / 17 + (i % d)) + 0.4 * Math.sin(seed * 13 + i * 12.9898));
  }
  return tensor;
}

export interface Io {
  readonly query: HostTensor;
  readonly key: HostTensor;
  readonly value: HostTensor;
}

export const waves = (spec: AttentionSpec): Io => ({
  query: wave(spec, 1),
  key: wave(spec, 1.3),
  value: wave(spec, 2),
});

/** Runs a spec on the oracle: every tensor as numbers, the mask dense. */
export async function evaluate(spec: AttentionSpec, io: Io = waves(spec)): Promise<Record<string, Float64Array>> {
  const backend = await reference.create();
  const attention = await createAttention(backend, { outputDtype: "f32", ...spec });
  const { tensors } = await attention.run({ ...io });
  const results: Record<string, Float64Array> = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    const { data } = tensor as HostTensor;
    results[name] = Float64Array.from(
      tensor.dtype === "f64" || tensor.dtype === "i32" ? data : (tensor as HostTensor).toFloat32(),
    );
  }
  if (tensors.counts) {
    const lists = { counts: results.counts, indices: results.indices, stride: tensors.indices.shape[3] };
    results.mask = Float64Array.from(maskToDense(lists, attention.spec.geometry));
  }
  return results;
}

/** Largest difference of two lists of numbers. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let most = 0;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) most = Math.max(most, Math.abs(a[i] - b[i]));
  return most;
}

/** Relative L2 distance. */
export function relative(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [error, size] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    error += (a[i] - b[i]) ** 2;
    size += b[i] ** 2;
  }
  return Math.sqrt(error / size);
}

/** Plain attention over the keys that `allowed` says, row by row, from the definition. */
export function spelledOut(
  spec: AttentionSpec,
  { query, key, value }: Io,
  allowed: (item: number, row: number, key: number) => boolean,
) {
  const [batch, heads, tokens, d] = query.shape;
  const scale = spec.scale ?? d ** -0.5;
  const [q, k, v] = [query, key, value].map((tensor) => tensor.toFloat32());
  const out = new Float64Array(q.length);
  for (let plane = 0; plane < batch * heads; plane++)
    for (let row = 0; row < tokens; row++) {
      const at = (token: number) => (plane * tokens + token) * d;
      const keys = Array.from({ length: tokens }, (_, b) => b).filter((b) =>
        allowed(Math.floor(plane / heads), row, b),
      );
      const logits = keys.map((b) => {
        let sum = 0;
        for (let ch = 0; ch < d; ch++) sum += q[at(row) + ch] * k[at(b) + ch];
        return scale * sum;
      });
      const top = Math.max(...logits);
      const weights = logits.map((x) => Math.exp(x - top));
      const total = weights.reduce((a, b) => a + b, 0);
      keys.forEach((b, i) => {
        for (let ch = 0; ch < d; ch++) out[at(row) + ch] += (weights[i] / total) * v[at(b) + ch];
      });
    }
  return out;
}
