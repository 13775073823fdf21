import { elementCount, type FloatDType, type OperationDefinition, sameShape } from "@spaattn/core";
import { ACTIVATIONS, type Activation } from "../activation.js";
import { mustBe, mustBeIn, mustModulate, need } from "../check.js";
import { type BlockFormat, rowBytes } from "../quantised.js";

/**
 * `y = residual + gate * act(x Wᵀ + bias)`, with gated pairs `act(x Wᵀ + bias) * (x W2ᵀ + bias2)`.
 *
 * Inputs: `x` `[..., k]`; `weight` `[n, k]` in f32, f16, bf16, f8e4m3, f8e5m2 or i8, or u8 `[n, bytes]` with `format`;
 * optional `scale` f32 `[1]` or `[n]`, by which 8-bit weights are multiplied; `bias` `[n]`; `weight2`, `scale2`, `bias2` for
 * gated pairs; `gate` `[batch, r, n]` with `index` (see `mustModulate`); `residual` `[..., n]`. Result: `y` `[..., n]`.
 */
export interface LinearAttrs {
  readonly activation: Activation;
  /** Dtype of the result. */
  readonly dtype: FloatDType;
  /** How the bytes of u8 weights encode numbers (GGUF's block types). */
  readonly format?: BlockFormat;
}

declare module "@spaattn/core" {
  interface Operations {
    linear: LinearAttrs;
  }
}

export const linear: OperationDefinition<"linear"> = {
  op: "linear",
  infer(attrs, inputs) {
    const x = need("linear", inputs, "x");
    const weight = need("linear", inputs, "weight");
    mustBeIn("linear", "activation", attrs.activation, ACTIVATIONS);
    const k = x.shape[x.shape.length - 1];
    const n = weight.shape[0];
    const columns = attrs.format ? rowBytes(attrs.format, k) : k;
    mustBe("linear", "weight", weight, [n, columns]);
    mustBe("linear", "weight2", inputs.weight2, [n, columns]);
    mustBe("linear", "bias", inputs.bias, [n]);
    mustBe("linear", "bias2", inputs.bias2, [n]);
    for (const role of ["scale", "scale2"])
      if (inputs[role] && inputs[role].shape[0] !== 1) mustBe("linear", role, inputs[role], [n]);
    const shape = [...x.shape.slice(0, -1), n];
    mustBe("linear", "residual", inputs.residual, shape);
    mustModulate("linear", inputs, "gate", shape, n);
    return { y: { dtype: attrs.dtype, shape } };
  },
  flop({ format: _ }, { x, weight, weight2 }, { y }) {
    const k = x.shape[x.shape.length - 1];
    return 2 * elementCount(y.shape) * k * (weight2 && sameShape(weight.shape, weight2.shape) ? 2 : 1);
  },
};
