import type { Geometry } from "@spaattn/attention";
import { type FloatDType, HostTensor } from "@spaattn/core";
import { seededNormal } from "./random.js";

/**
 * What a case's tokens look like. `field` is smooth along the sequence, as tokens along a curve are; `equal` has queries
 * of zero, so that every score is exactly the same.
 */
export type InputKind = "field" | "equal" | "huge" | "tiny" | "peaked" | "noise";

export interface CaseInputs {
  readonly query: HostTensor;
  readonly key: HostTensor;
  readonly value: HostTensor;
}

const GAIN: Record<InputKind, number> = { field: 1, equal: 1, huge: 30, tiny: 1e-3, peaked: 2.5, noise: 1 };
const FEATURES = 6;

/**
 * Query, key and value of a case, rounded to `dtype`, so that every backend and the oracle see the same numbers.
 *
 * Visual tokens are slow waves plus noise through correlated random projections; text tokens are noise, a few of which
 * attract many queries; invalid text slots hold NaN, which must never be read.
 */
export function makeInputs(kind: InputKind, geometry: Geometry, dtype: FloatDType, seed: number): CaseInputs {
  const { batch, heads, tokens, headDim } = geometry;
  const shape = [batch, heads, tokens, headDim];
  const normal = seededNormal(seed);
  const [query, key, value] = [0, 1, 2].map(() => new HostTensor("f32", shape));
  for (let plane = 0; plane < batch * heads; plane++) {
    const item = Math.floor(plane / heads);
    const weights = projections(headDim, normal);
    for (let token = 0; token < tokens; token++) {
      const offset = (plane * tokens + token) * headDim;
      const features = featuresOf(kind, token, geometry, normal);
      fill(query.data, offset, weights.query, features, kind === "equal" ? 0 : GAIN[kind], 0.3, normal);
      fill(key.data, offset, weights.key, features, GAIN[kind], 0.3, normal);
      fill(value.data, offset, weights.value, features, 1, 0.5, normal);
      if (token >= geometry.visualTokens + geometry.textValid[item]) poison(query, key, value, offset, headDim);
    }
  }
  return { query: query.to(dtype), key: key.to(dtype), value: value.to(dtype) };
}

function projections(headDim: number, normal: () => number) {
  const matrix = () => Float64Array.from({ length: headDim * FEATURES }, () => normal() / Math.sqrt(FEATURES / 3));
  const query = matrix();
  const key = query.map((x) => 0.8 * x + 0.35 * normal());
  return { query, key, value: matrix() };
}

function featuresOf(kind: InputKind, token: number, geometry: Geometry, normal: () => number): number[] {
  if (kind === "noise") return Array.from({ length: FEATURES }, normal);
  if (token >= geometry.visualTokens) {
    const sink = (token - geometry.visualTokens) % 17 === 0;
    return Array.from({ length: FEATURES }, () => (sink ? 1.5 : 0.6) * normal());
  }
  const x = token / geometry.visualTokens;
  return Array.from({ length: FEATURES }, (_, f) => Math.sin(2 * Math.PI * (f + 1) * (x + 0.13 * f)) + 0.25 * normal());
}

function fill(
  out: Float32Array,
  offset: number,
  weights: Float64Array,
  features: readonly number[],
  gain: number,
  noise: number,
  normal: () => number,
): void {
  const headDim = weights.length / FEATURES;
  for (let i = 0; i < headDim; i++) {
    let sum = noise * normal();
    for (let f = 0; f < FEATURES; f++) sum += weights[i * FEATURES + f] * features[f];
    out[offset + i] = gain * sum;
  }
}

function poison(
  query: HostTensor<"f32">,
  key: HostTensor<"f32">,
  value: HostTensor<"f32">,
  offset: number,
  width: number,
): void {
  for (const tensor of [query, key, value]) tensor.data.fill(Number.NaN, offset, offset + width);
}

/** A bound of the largest scaled logit, `scale * max|q| * max|k|` over valid tokens; it decides how exact exp can be. */
export function logitBound(inputs: CaseInputs, geometry: Geometry): number {
  const { batch, heads, tokens, headDim, visualTokens, textValid, scale } = geometry;
  const longest = (tensor: HostTensor) => {
    const data = tensor.toFloat32();
    let top = 0;
    for (let plane = 0; plane < batch * heads; plane++)
      for (let token = 0; token < visualTokens + textValid[Math.floor(plane / heads)]; token++) {
        let square = 0;
        const offset = (plane * tokens + token) * headDim;
        for (let i = 0; i < headDim; i++) square += data[offset + i] ** 2;
        top = Math.max(top, square);
      }
    return Math.sqrt(top);
  };
  return Math.abs(scale) * longest(inputs.query) * longest(inputs.key);
}
