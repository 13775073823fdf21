import { type Bindings, type HostTensor, type Plan, type PlanValue, sameShape } from "@spaattn/core";
import { hostTensor } from "../check.js";

/**
 * A tensor of the caller, checked against the plan.
 *
 * @throws TypeError or RangeError that names the binding, SpaAttnError `Disposed`.
 */
export function boundTensor(name: string, { dtype, shape }: PlanValue, bindings: Bindings): HostTensor {
  const path = `bindings["${name}"]`;
  const tensor = hostTensor(path, bindings[name]);
  if (tensor.dtype !== dtype) throw new TypeError(`${path} must be ${dtype}, got ${tensor.dtype}`);
  if (!sameShape(tensor.shape, shape))
    throw new RangeError(`${path} must have shape [${shape.join(", ")}], got [${tensor.shape.join(", ")}]`);
  return tensor;
}

/** The caller's tensors but the weights, by name. */
export function boundTensors(plan: Plan, bindings: Bindings): Map<string, HostTensor> {
  const found = new Map<string, HostTensor>();
  for (const [name, value] of Object.entries(plan.values))
    if (!value.view && ["input", "output", "state"].includes(value.role))
      found.set(name, boundTensor(name, value, bindings));
  return found;
}
