import { elementCount, type FloatDType, type OperationDefinition } from "@spaattn/core";
import { mustBe, mustBeIn, mustHaveRank, need } from "../check.js";

/**
 * Convolution over time, height and width, channels last (correlation, no flip); a 2-D one has `kt` = 1.
 *
 * Inputs: `x` `[batch, t, h, w, ci]`; `weight` `[co, ci, kt, kh, kw]`, or `[co, ci, kh, kw]` for `kt` = 1; `bias` `[co]`;
 * `history` `[batch, f, h, w, ci]`: frames before the first, `f <= front` (the cache of a causal convolution across
 * calls); `residual` like the result. Result: `y` `[batch, t', h', w', co]`,
 * `t' = floor((front + t - kt) / st) + 1`, likewise `h'`, `w'`.
 */
export interface ConvAttrs {
  readonly stride: readonly [number, number, number];
  /** Frames in front of the first: history, and before that zeros or copies of the first frame there is. */
  readonly front: number;
  /** Rows above and below, columns left and right. */
  readonly padding: { readonly top: number; readonly bottom: number; readonly left: number; readonly right: number };
  readonly mode: "zero" | "replicate";
  readonly dtype: FloatDType;
}

declare module "@spaattn/core" {
  interface Operations {
    conv: ConvAttrs;
  }
}

/** `[kt, kh, kw]` of a weight. */
export const kernelOf = (weight: { readonly shape: readonly number[] }): [number, number, number] => {
  const [, , ...kernel] = weight.shape;
  return (kernel.length === 2 ? [1, ...kernel] : kernel) as [number, number, number];
};

export const conv: OperationDefinition<"conv"> = {
  op: "conv",
  infer(attrs, inputs) {
    const x = need("conv", inputs, "x");
    const weight = need("conv", inputs, "weight");
    mustHaveRank("conv", "x", x, 5);
    mustBeIn("conv", "mode", attrs.mode, ["zero", "replicate"]);
    const [batch, t, h, w, ci] = x.shape;
    const [co] = weight.shape;
    const kernel = kernelOf(weight);
    if (kernel.length !== 3 || weight.shape[1] !== ci)
      throw new RangeError(`conv.weight must have shape [co, ${ci}, (kt,) kh, kw], got [${weight.shape.join(", ")}]`);
    mustBe("conv", "bias", inputs.bias, [co]);
    const { stride, front, padding } = attrs;
    const past = inputs.history?.shape[1] ?? 0;
    mustBe("conv", "history", inputs.history, [batch, past, h, w, ci]);
    if (past > front) throw new RangeError(`conv.history has ${past} frames, but front is ${front}`);
    const sizes = [front + t, padding.top + h + padding.bottom, padding.left + w + padding.right];
    const out = sizes.map((size, i) => Math.floor((size - kernel[i]) / stride[i]) + 1);
    if (out.some((size) => !(size >= 1)))
      throw new RangeError(
        `conv: a kernel [${kernel.join(", ")}] does not fit in [${sizes.join(", ")}] (padding included)`,
      );
    const shape = [batch, ...out, co];
    mustBe("conv", "residual", inputs.residual, shape);
    return { y: { dtype: attrs.dtype, shape } };
  },
  flop: (_, { weight }, { y }) => 2 * elementCount(y.shape) * elementCount(weight.shape.slice(1)),
};
