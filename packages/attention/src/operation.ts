import type { OperationDefinition, TensorSpec } from "@spaattn/core";
import { compilePlan } from "./compile-plan.js";
import { planCost } from "./cost.js";
import type { ResolvedSpec } from "./spec.js";

/**
 * Sparse rectified self-attention as one operation of a plan.
 *
 * Inputs: `query`, `key`, `value` `[batch, heads, tokens, headDim]` in `spec.dtype`. Results: `output` of the same shape in
 * `spec.outputDtype`, and the tensors of `spec.extras` by name.
 */
export interface AttentionAttrs {
  readonly spec: ResolvedSpec;
}

declare module "@spaattn/core" {
  interface Operations {
    attention: AttentionAttrs;
  }
}

export const attentionOperation: OperationDefinition<"attention"> = {
  op: "attention",
  infer({ spec }, inputs) {
    const { batch, heads, tokens, headDim } = spec.geometry;
    const shape = [batch, heads, tokens, headDim];
    for (const role of ["query", "key", "value"]) {
      const given = inputs[role];
      if (!given) throw new TypeError(`attention.${role} is missing`);
      if (given.shape.length !== 4 || given.shape.some((size, i) => size !== shape[i]))
        throw new RangeError(
          `attention.${role} must have shape [${shape.join(", ")}], got [${given.shape.join(", ")}]`,
        );
      if (given.dtype !== spec.dtype)
        throw new TypeError(`attention.${role} must be ${spec.dtype}, got ${given.dtype}`);
    }
    const outputs: Record<string, TensorSpec> = {};
    for (const [name, { role, dtype, shape: of }] of Object.entries(compilePlan(spec).tensors))
      if (role === "output") outputs[name] = { dtype, shape: of };
    return outputs;
  },
  flop: ({ spec }) => planCost(compilePlan(spec)).flop,
};
