import { type Bindings, type Device, HostTensor, isFloat, type Plan, type PlanValue } from "@spaattn/core";

/** Values the oracle is asked for: outputs and states, by name. */
export const writtenNames = (plan: Plan): string[] =>
  Object.keys(plan.values).filter((name) => {
    const { role, view } = plan.values[name];
    return !view && (role === "output" || role === "state");
  });

/** A program of the oracle whose outputs and states are not rounded. */
export async function exactProgram(oracle: Device, plan: Plan) {
  const program = await oracle.compile({
    ...plan,
    values: Object.fromEntries(Object.entries(plan.values).map(([name, value]) => [name, exact(value)])),
  });
  const written = writtenNames(plan);
  return {
    /** Runs on these inputs and states; gives outputs and new states. */
    async run(tensors: Readonly<Record<string, HostTensor>>): Promise<Record<string, HostTensor<"f64">>> {
      const results: Record<string, HostTensor> = {};
      for (const name of written) {
        const { dtype, shape, role } = exact(plan.values[name]);
        results[name] = role === "state" ? tensors[name].to(dtype) : new HostTensor(dtype, shape);
      }
      await program.run({ ...tensors, ...results } as Bindings);
      return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, tensor.to("f64")]));
    },
  };
}

const exact = (value: PlanValue): PlanValue =>
  isFloat(value.dtype) && (value.role === "output" || value.role === "state") ? { ...value, dtype: "f64" } : value;
