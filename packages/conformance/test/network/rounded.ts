import { type Device, HostTensor, type Plan } from "@spaattn/core";
import { reference } from "@spaattn/reference";

/**
 * What a device of ordinary precision is at its best: the oracle with every temporary rounded to its dtype.
 *
 * Temporaries become tensors that the caller binds, which the oracle rounds.
 */
export async function roundedDevice(): Promise<Device> {
  const oracle = await reference.create();
  return {
    ...oracle,
    name: "rounded",
    async compile(plan: Plan) {
      const names = Object.keys(plan.values).filter((name) => plan.values[name].role === "temporary");
      const values = { ...plan.values };
      for (const name of names) values[name] = { ...values[name], role: "output" };
      const program = await oracle.compile({ ...plan, values });
      const bound = names.filter((name) => !values[name].view);
      return {
        ...program,
        describe: () => program.describe(),
        dispose: () => program.dispose(),
        run(bindings, options) {
          const temporaries = bound.map((name) => [name, new HostTensor(values[name].dtype, values[name].shape)]);
          return program.run({ ...bindings, ...Object.fromEntries(temporaries) }, options);
        },
      };
    },
  };
}
