import type { OperationDefinition } from "@spaattn/core";
import { mustBe, mustBeDType, mustHaveRank, need } from "../check.js";

/**
 * Dense softmax attention between two streams: cross attention, text encoders, VAE middles.
 *
 * Inputs: `query` `[batch, heads, sq, d]`; `key` `[batch, heads, sk, d]`; `value` `[batch, heads, sk, dv]`; optional
 * `keyMask` u8 `[batch, sk]`, 1 where a key is visible; `bias` f32 `[1 or batch, heads, sq, sk]`, added to the logits.
 * Result: `output` `[batch, heads, sq, dv]`. A query that sees no key gives zeros.
 *
 * Sparse self-attention is the operation `attention` of `@spaattn/attention`.
 */
export interface DenseAttentionAttrs {
  /** Factor of the logits; T5 uses 1. */
  readonly scale: number;
  /** Query `i` sees keys up to the end of its frame of so many tokens; 1 is causal. Absent: all keys. */
  readonly frameTokens?: number;
}

declare module "@spaattn/core" {
  interface Operations {
    denseAttention: DenseAttentionAttrs;
  }
}

export const denseAttention: OperationDefinition<"denseAttention"> = {
  op: "denseAttention",
  infer({ frameTokens, scale }, inputs) {
    const query = need("denseAttention", inputs, "query");
    const key = need("denseAttention", inputs, "key");
    const value = need("denseAttention", inputs, "value");
    for (const [role, spec] of Object.entries({ query, key, value })) mustHaveRank("denseAttention", role, spec, 4);
    const [batch, heads, sq, d] = query.shape;
    const [, , sk] = key.shape;
    mustBe("denseAttention", "key", key, [batch, heads, sk, d]);
    mustBe("denseAttention", "value", value, [batch, heads, sk, value.shape[3]]);
    mustBe("denseAttention", "keyMask", inputs.keyMask, [batch, sk]);
    mustBeDType("denseAttention", "keyMask", inputs.keyMask, "u8");
    mustBeDType("denseAttention", "bias", inputs.bias, "f32");
    if (inputs.bias && inputs.bias.shape[0] !== 1)
      mustBe("denseAttention", "bias", inputs.bias, [batch, heads, sq, sk]);
    else mustBe("denseAttention", "bias", inputs.bias, [1, heads, sq, sk]);
    if (!Number.isFinite(scale)) throw new RangeError(`denseAttention: scale must be finite, got ${scale}`);
    if (frameTokens !== undefined && !(Number.isInteger(frameTokens) && frameTokens >= 1))
      throw new RangeError(`denseAttention: frameTokens must be a positive integer, got ${frameTokens}`);
    return { output: { dtype: query.dtype, shape: [batch, heads, sq, value.shape[3]] } };
  },
  flop(_, { query, key, value }) {
    const [batch, heads, sq, d] = query.shape;
    return 2 * batch * heads * sq * key.shape[2] * (d + value.shape[3]);
  },
};
