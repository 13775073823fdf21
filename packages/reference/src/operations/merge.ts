import type { Compute } from "./operation.js";

/** Heads back into token streams: row `i` is token `order[i]`, text stands behind. */
export const merge: Compute<"merge"> = ({ attrs, in: { x, order } }) => {
  const [batch, heads, all, d] = x.shape;
  const tokens = all - attrs.textTokens;
  const width = heads * d;
  const y = new Float64Array(batch * tokens * width);
  const text = new Float64Array(batch * attrs.textTokens * width);
  for (let item = 0; item < batch; item++)
    for (let head = 0; head < heads; head++)
      for (let i = 0; i < all; i++) {
        const from = ((item * heads + head) * all + i) * d;
        const row = x.values.subarray(from, from + d);
        if (i < tokens) y.set(row, (item * tokens + (order ? order.raw[i] : i)) * width + head * d);
        else text.set(row, (item * attrs.textTokens + i - tokens) * width + head * d);
      }
  return { y, text };
};
