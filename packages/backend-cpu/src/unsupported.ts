import { type AttentionAttrs, unsupportedReason } from "@spaattn/attention";
import type { Plan } from "@spaattn/core";
import { CAPABILITIES } from "./capabilities.js";

const OPERATIONS: readonly string[] = [
  ...["attention", "linear", "conv", "norm", "heads", "merge", "denseAttention", "embed", "timestep"],
  ...["binary", "unary", "combine", "reduce", "transpose", "concat", "slice", "pad", "repeat"],
];

/** Why an operation of a plan cannot run here; undefined when it can. */
export function unsupportedOperation(plan: Plan, index: number): string | undefined {
  const { op, attrs, in: inputs } = plan.operations[index];
  if (!OPERATIONS.includes(op)) return `there is no such operation here (there are ${OPERATIONS.join(", ")})`;
  if (op === "attention") return unsupportedReason(CAPABILITIES, (attrs as AttentionAttrs).spec);
  const weight = op === "linear" ? plan.values[inputs.weight].dtype : "f32";
  return ["i32", "u16", "f64"].includes(weight) ? `weights of ${weight}` : undefined;
}
