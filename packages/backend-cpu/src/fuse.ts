import type { Plan, PlanStep } from "@spaattn/attention";
import type { FloatDType } from "@spaattn/core";
import { compileWork, type Work } from "./work.js";

interface Through {
  readonly name: string;
  readonly order?: string;
}

/**
 * The whole plan as one piece of work: a head is brought in, pooled, estimated and attended while it is in the
 * kernels' memory, and only the outputs leave it. Token orders are applied while copying.
 *
 * Undefined when the plan is not of the shape permute* -> ... -> permute* and has to be interpreted.
 */
export function fuse(plan: Plan): Work | undefined {
  const role = (name: string) => plan.tensors[name].role;
  const permutes = plan.steps.filter(({ step }) => step.op === "permute");
  const steps = plan.steps.filter(({ step }) => step.op !== "permute");
  if (steps.length === 0) return undefined;
  const aliases = new Map<string, Through>();
  for (const { in: inputs, out } of permutes) {
    const incoming = role(inputs.source) === "input";
    const outgoing = role(out.tokens) === "output" && role(inputs.source) === "workspace";
    if (incoming) aliases.set(out.tokens, { name: inputs.source, order: inputs.order });
    else if (outgoing) aliases.set(inputs.source, { name: out.tokens, order: inputs.order });
    else return undefined;
  }
  if (!reachable(plan, steps, aliases)) return undefined;
  const { query, output } = plan.tensors;
  const dtype = query.dtype as FloatDType;
  return compileWork({
    geometry: plan.geometry,
    dtype,
    outputDtype: (output?.dtype ?? dtype) as FloatDType,
    steps,
    wanted: (name) => role(name) === "output" || aliases.has(name),
    through: (name) => aliases.get(name) ?? { name },
  });
}

/** True when every tensor that is read is the caller's, a constant, permuted from one, or made before. */
function reachable(plan: Plan, steps: readonly PlanStep[], aliases: ReadonlyMap<string, Through>): boolean {
  const known = new Set<string>();
  for (const step of steps) {
    for (const name of Object.values(step.in)) {
      const { role } = plan.tensors[name];
      if (role === "workspace" && !aliases.has(name) && !known.has(name)) return false;
    }
    for (const name of Object.values(step.out)) known.add(name);
  }
  return true;
}
