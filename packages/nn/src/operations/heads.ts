import { elementCount, type FloatDType, type OperationDefinition } from "@spaattn/core";
import { mustBe, mustBeDType, mustBeIn, mustHaveRank, need } from "../check.js";

/** Normalisation of queries or keys: over each head, or over the whole width (`across`), before the split. */
export interface HeadNorm {
  readonly kind: "rms" | "layer";
  readonly across: boolean;
  readonly eps: number;
}

/**
 * Splits a token stream into heads: query or key norm, rotary embedding and curve order in one pass.
 *
 * Inputs: `x` `[batch, s, heads * d]`; `weight`, `bias` of the norm (`[heads * d]` across, else `[d]`); `cos`, `sin` f32
 * `[r, d / 2]` with `r <= s`: later tokens are not rotated; `order` i32 `[s]`: row `i` of the result is token `order[i]`;
 * `text` `[batch, st, heads * d]` with `textWeight`, `textBias`: placed behind, never rotated. Result: `y`
 * `[batch, heads, s + st, d]`.
 */
export interface HeadsAttrs {
  readonly heads: number;
  readonly norm?: HeadNorm;
  /** Pairs `(2i, 2i + 1)` of a head turn together, or `(i, i + d / 2)`. */
  readonly rotary?: "interleaved" | "half";
  readonly dtype: FloatDType;
}

/**
 * The inverse: heads back into token streams.
 *
 * Inputs: `x` `[batch, heads, s + textTokens, d]`; `order` i32 `[s]` as given to `heads`. Results: `y`
 * `[batch, s, heads * d]`, and `text` `[batch, textTokens, heads * d]` where there is text.
 */
export interface MergeAttrs {
  readonly textTokens: number;
}

declare module "@spaattn/core" {
  interface Operations {
    heads: HeadsAttrs;
    merge: MergeAttrs;
  }
}

export const heads: OperationDefinition<"heads"> = {
  op: "heads",
  infer(attrs, inputs) {
    const x = need("heads", inputs, "x");
    mustHaveRank("heads", "x", x, 3);
    const [batch, tokens, width] = x.shape;
    const d = width / attrs.heads;
    if (!Number.isInteger(d)) throw new RangeError(`heads: heads must divide ${width} channels, got ${attrs.heads}`);
    const { norm, rotary } = attrs;
    const size = [norm?.across ? width : d];
    if (!norm && (inputs.weight || inputs.bias)) throw new TypeError("heads: weight and bias need attrs.norm");
    for (const role of ["weight", "bias", "textWeight", "textBias"]) mustBe("heads", role, inputs[role], size);
    if (rotary !== undefined) {
      mustBeIn("heads", "rotary", rotary, ["interleaved", "half"]);
      const { cos, sin } = inputs;
      if (!cos || !sin) throw new TypeError("heads: rotary needs cos and sin");
      const rows = Math.min(tokens, cos.shape[0]);
      for (const role of ["cos", "sin"]) {
        mustBe("heads", role, inputs[role], [rows, d / 2]);
        mustBeDType("heads", role, inputs[role], "f32");
      }
    }
    mustBe("heads", "order", inputs.order, [tokens]);
    mustBeDType("heads", "order", inputs.order, "i32");
    const text = inputs.text?.shape[1] ?? 0;
    mustBe("heads", "text", inputs.text, [batch, text, width]);
    return { y: { dtype: attrs.dtype, shape: [batch, attrs.heads, tokens + text, d] } };
  },
  flop: (_, __, { y }) => 10 * elementCount(y.shape),
};

export const merge: OperationDefinition<"merge"> = {
  op: "merge",
  infer({ textTokens }, inputs) {
    const x = need("merge", inputs, "x");
    mustHaveRank("merge", "x", x, 4);
    const [batch, heads, all, d] = x.shape;
    const tokens = all - textTokens;
    if (!(textTokens >= 0 && tokens >= 0))
      throw new RangeError(`merge: textTokens must be at most ${all}, got ${textTokens}`);
    mustBe("merge", "order", inputs.order, [tokens]);
    mustBeDType("merge", "order", inputs.order, "i32");
    const stream = (length: number) => ({ dtype: x.dtype, shape: [batch, length, heads * d] });
    return { y: stream(tokens), ...(textTokens > 0 ? { text: stream(textTokens) } : {}) };
  },
  flop: () => 0,
};
