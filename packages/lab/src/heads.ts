import { gaussian, seededRandom } from "./random.js";
import { rotaryPairs } from "./rotary.js";

/** What a head looks for; the kinds that trained video models show. */
export type HeadKind = "local" | "spatial" | "temporal" | "global";

export interface Head {
  readonly kind: HeadKind;
  /** RMS of normalised queries and keys; logits grow with its square. */
  readonly gain: number;
  /** `[headDim, features]` projections of a token's patch. */
  readonly queryWeights: Float32Array;
  readonly keyWeights: Float32Array;
  /** `[headDim]` constant part: before rotation equal for all tokens, after it a preference for nearby positions. */
  readonly bias: Float32Array;
}

/** Which axes (time, rows, columns) a kind keeps close, and how strongly against content. */
const KINDS: Record<HeadKind, { axes: readonly number[]; closeness: number }> = {
  local: { axes: [1, 1, 1], closeness: 1.1 },
  spatial: { axes: [1, 0.15, 0.15], closeness: 0.8 },
  temporal: { axes: [0, 1, 1], closeness: 1.0 },
  global: { axes: [0, 0, 0], closeness: 0 },
};

const ORDER: readonly HeadKind[] = ["local", "spatial", "temporal", "global"];
// So that a fifth of the blocks holds about half to nine tenths of the attention, as in video models.
const GAINS = [2, 1.5, 2.6];

/** `count` fixed heads for one seed: the four kinds in turn, each with a diffuse and a peaked sibling. */
export function makeHeads(count: number, headDim: number, features: number, seed: number): Head[] {
  return Array.from({ length: count }, (_, i) => {
    const kind = ORDER[i % ORDER.length];
    const gain = GAINS[Math.floor(i / ORDER.length) % GAINS.length];
    return makeHead(kind, gain, headDim, features, seed * 1009 + i);
  });
}

function makeHead(kind: HeadKind, gain: number, headDim: number, features: number, seed: number): Head {
  const normal = gaussian(seededRandom(seed));
  const pairs = rotaryPairs(headDim);
  const { axes, closeness } = KINDS[kind];
  const queryWeights = new Float32Array(headDim * features);
  const keyWeights = new Float32Array(headDim * features);
  const bias = new Float32Array(headDim);
  for (let channel = 0; channel < headDim; channel++) {
    const { axis, frequency } = pairs[channel >> 1];
    // Content lives in slowly turning pairs, where rotation does not scramble it.
    const content = Math.exp(-3 * frequency);
    for (let f = 0; f < features; f++) {
      const shared = normal();
      const scale = content / Math.sqrt(features);
      queryWeights[channel * features + f] = scale * (shared + 0.35 * normal());
      keyWeights[channel * features + f] = scale * (shared + 0.35 * normal());
    }
    bias[channel] = closeness * axes[axis] * (channel % 2 === 0 ? 1 : 0.4 * normal());
  }
  return { kind, gain, queryWeights, keyWeights, bias };
}

/** `gain * normalise(weights * patch + bias)` (QK-norm) written at `offset` of `out`. */
export function project(
  weights: Float32Array,
  head: Head,
  patch: Float32Array,
  out: Float32Array,
  offset: number,
): void {
  const { bias, gain } = head;
  const features = patch.length;
  let square = 0;
  for (let channel = 0; channel < bias.length; channel++) {
    let sum = bias[channel];
    for (let f = 0; f < features; f++) sum += weights[channel * features + f] * patch[f];
    out[offset + channel] = sum;
    square += sum * sum;
  }
  const scale = gain / Math.sqrt(square / bias.length + 1e-6);
  for (let channel = 0; channel < bias.length; channel++) out[offset + channel] *= scale;
}
