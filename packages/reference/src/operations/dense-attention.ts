import type { Compute } from "./operation.js";
import { products } from "./products.js";

/** softmax(scale q kᵀ + bias) v over the keys a query sees; zeros where it sees none */
export const denseAttention: Compute<"denseAttention"> = async ({ attrs, in: inputs, pace }) => {
  const { query, key, value, keyMask, bias } = inputs;
  const [batch, heads, sq, d] = query.shape;
  const sk = key.shape[2];
  const dv = value.shape[3];
  const output = new Float64Array(batch * heads * sq * dv);
  const scores = new Float64Array(sk);
  for (let at = 0; at < batch * heads; at++) {
    const item = Math.floor(at / heads);
    const keys = key.values.subarray(at * sk * d, (at + 1) * sk * d);
    const values = value.values.subarray(at * sk * dv, (at + 1) * sk * dv);
    const visible = keyMask?.raw.subarray(item * sk, (item + 1) * sk);
    const biasHead = bias && (bias.shape[0] === 1 ? at % heads : at);
    for (let i = 0; i < sq; i++) {
      const row = (at * sq + i) * d;
      products(query.values.subarray(row, row + d), keys, scores);
      const end = attrs.frameTokens ? (Math.floor(i / attrs.frameTokens) + 1) * attrs.frameTokens : sk;
      for (let j = 0; j < sk; j++) {
        scores[j] *= attrs.scale;
        if (bias) scores[j] += bias.values[((biasHead as number) * sq + i) * sk + j];
        if (j >= end || (visible && visible[j] === 0)) scores[j] = Number.NEGATIVE_INFINITY;
      }
      weigh(scores, values, output.subarray((at * sq + i) * dv, (at * sq + i + 1) * dv));
      const wait = pace((at + i / sq) / (batch * heads));
      if (wait) await wait;
    }
  }
  return { output };
};

/** `out` += softmax(scores) values. A score of −∞ is a key not seen: whatever it holds, it adds nothing. */
function weigh(scores: Float64Array, values: Float64Array, out: Float64Array): void {
  const dv = out.length;
  let top = Number.NEGATIVE_INFINITY;
  for (const score of scores) top = Math.max(top, score);
  if (top === Number.NEGATIVE_INFINITY) return;
  let sum = 0;
  for (let j = 0; j < scores.length; j++) {
    if (scores[j] === Number.NEGATIVE_INFINITY) continue;
    const weight = Math.exp(scores[j] - top);
    sum += weight;
    for (let i = 0; i < dv; i++) out[i] += weight * values[j * dv + i];
  }
  for (let i = 0; i < dv; i++) out[i] /= sum;
}
