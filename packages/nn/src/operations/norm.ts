import { elementCount, type FloatDType, type OperationDefinition } from "@spaattn/core";
import { ACTIVATIONS, type Activation } from "../activation.js";
import { mustBe, mustBeIn, mustModulate, need } from "../check.js";

/**
 * `y = act(n(x) * weight + bias) ` with modulation `n * (1 + scale) + shift` in between, over the last axis.
 *
 * - `layer`: `(x - mean) / sqrt(variance + eps)`, biased variance
 * - `rms`: `x / sqrt(mean(x²) + eps)`
 * - `l2`: `x / max(‖x‖₂, eps) * sqrt(width)` (the channel norm of Wan's VAE, eps 1e-12)
 * - `group`: as `layer`, over all positions of a batch item and the channels of one of `groups` groups
 *
 * Inputs: `x` `[batch, ..., c]`; optional `weight`, `bias` `[c]`; `shift`, `scale` `[batch, r, c]` with `index` (see
 * `mustModulate`). Order: normalise, weight and bias, modulation, activation. Statistics in f32 at least. Result: `y`
 * like `x`.
 */
export interface NormAttrs {
  readonly kind: "layer" | "rms" | "l2" | "group";
  readonly eps: number;
  /** Only for `group`. */
  readonly groups?: number;
  readonly activation: Activation;
  readonly dtype: FloatDType;
}

declare module "@spaattn/core" {
  interface Operations {
    norm: NormAttrs;
  }
}

export const norm: OperationDefinition<"norm"> = {
  op: "norm",
  infer(attrs, inputs) {
    const x = need("norm", inputs, "x");
    mustBeIn("norm", "kind", attrs.kind, ["layer", "rms", "l2", "group"]);
    mustBeIn("norm", "activation", attrs.activation, ACTIVATIONS);
    const width = x.shape[x.shape.length - 1];
    if (attrs.kind === "group" && !(Number.isInteger(attrs.groups) && width % (attrs.groups as number) === 0))
      throw new RangeError(`norm: groups must divide ${width} channels, got ${attrs.groups}`);
    for (const role of ["weight", "bias"]) mustBe("norm", role, inputs[role], [width]);
    for (const role of ["shift", "scale"]) mustModulate("norm", inputs, role, x.shape, width);
    return { y: { dtype: attrs.dtype, shape: x.shape } };
  },
  flop: (_, { x }) => 8 * elementCount(x.shape),
};
