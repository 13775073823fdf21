import type { OperationName, Plan, PlanOperation } from "@spaattn/core";
import { Builder } from "../builder.js";
import { expandAttention } from "./attention.js";
import { expandConv } from "./conv.js";
import { expandHeads, expandMerge } from "./heads.js";
import { expandLinear } from "./linear.js";
import { expandNorm } from "./norm.js";
import type { Expansion } from "./parts.js";
import { Splicer } from "./splice.js";

const EXPANSIONS: { readonly [N in OperationName]?: Expansion<N> } = {
  attention: expandAttention,
  conv: expandConv,
  heads: expandHeads,
  linear: expandLinear,
  merge: expandMerge,
  norm: expandNorm,
};

/**
 * Says the composites that a device lacks in simpler operations, as few as it takes: `linear` without its residual, gate,
 * pair, activation or scale; `norm` without modulation and affine; `heads` and `merge`; `conv` without residual, history
 * and padding; attention of which every block is computed.
 *
 * What cannot be said so stays as it is: `compile` then rejects with the device's own reason.
 *
 * @param unsupported as `Device.unsupported`: why an operation of a plan cannot run; undefined when it can
 */
export function expandPlan(plan: Plan, unsupported: (plan: Plan, index: number) => string | undefined): Plan {
  const splicer = new Splicer(plan);
  let expanded = false;
  plan.operations.forEach((operation, index) => {
    const small = unsupported(plan, index) === undefined ? undefined : smaller(plan, operation);
    if (small) splicer.replace(index, small);
    else splicer.keep(index);
    expanded ||= small !== undefined;
  });
  return expanded ? expandPlan(splicer.result(), unsupported) : plan;
}

/** The plan of one operation in simpler ones. */
function smaller(plan: Plan, { op, attrs, in: inputs }: PlanOperation): Plan | undefined {
  const expansion = EXPANSIONS[op] as Expansion<OperationName> | undefined;
  if (!expansion) return undefined;
  const g = new Builder();
  const given = Object.entries(inputs).map(([role, name]) => {
    const { dtype, shape } = plan.values[name];
    return [role, g.input(role, dtype, shape)] as const;
  });
  const constant = (role: string) => plan.constants[inputs[role]]?.data;
  const results = expansion({ g, attrs, in: Object.fromEntries(given), constant });
  if (!results) return undefined;
  for (const [role, value] of Object.entries(results)) g.output(role, value);
  return g.build();
}
