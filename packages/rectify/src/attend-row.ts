import { dot } from "@spaattn/mask";

/** The keys that a run of query rows attends: logits are `s q·k + bias`. */
export interface KeySet {
  /** `[m, d]` */
  readonly keys: Float64Array;
  /** `[m, d]` */
  readonly values: Float64Array;
  /** `[m]`, 0 but for pseudo-keys */
  readonly bias: Float64Array;
}

/** o = softmax(s q_a·k + bias) v, added to a zeroed row; returns the log-sum-exp. Without keys the row stays zero. */
export function attendRow(query: Float64Array, a: number, set: KeySet, scale: number, o: Float64Array): number {
  const { keys, values, bias } = set;
  const d = o.length;
  const weight = new Float64Array(bias.length);
  let highest = Number.NEGATIVE_INFINITY;
  for (let b = 0; b < weight.length; b++) {
    weight[b] = scale * dot(query, a, keys, b, d) + bias[b];
    if (weight[b] > highest) highest = weight[b];
  }
  if (highest === Number.NEGATIVE_INFINITY) return highest;
  let sum = 0;
  for (let b = 0; b < weight.length; b++) sum += weight[b] = Math.exp(weight[b] - highest);
  weightedSum(weight, values, o);
  for (let ch = 0; ch < d; ch++) o[ch] /= sum;
  return highest + Math.log(sum);
}

/** o += Σ_b weight_b row_b, four rows at a time to touch `o` less often. */
function weightedSum(weight: Float64Array, rows: Float64Array, o: Float64Array): void {
  const d = o.length;
  const whole = weight.length & ~3;
  for (let b = 0; b < whole; b += 4) {
    const w0 = weight[b];
    const w1 = weight[b + 1];
    const w2 = weight[b + 2];
    const w3 = weight[b + 3];
    const at = b * d;
    for (let ch = 0; ch < d; ch++)
      o[ch] += w0 * rows[at + ch] + w1 * rows[at + d + ch] + (w2 * rows[at + 2 * d + ch] + w3 * rows[at + 3 * d + ch]);
  }
  for (let b = whole; b < weight.length; b++) for (let ch = 0; ch < d; ch++) o[ch] += weight[b] * rows[b * d + ch];
}

/** All keys of several sets as one set. */
export const joinKeys = (sets: readonly KeySet[]): KeySet => ({
  keys: concatenate(sets.map(({ keys }) => keys)),
  values: concatenate(sets.map(({ values }) => values)),
  bias: concatenate(sets.map(({ bias }) => bias)),
});

function concatenate(parts: readonly Float64Array[]): Float64Array {
  const whole = new Float64Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
