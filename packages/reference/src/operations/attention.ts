import { compilePlan, interpret, type PlanTensor } from "@spaattn/attention";
import { HostTensor, isFloat, type Tensor } from "@spaattn/core";
import { attentionBackend } from "../backend.js";
import type { Operand } from "../operand.js";
import type { Compute } from "./operation.js";

/** Sparse rectified self-attention: its five primitives one after the other. */
export const attention: Compute<"attention"> = async ({ attrs: { spec }, in: inputs, out, options }) => {
  const plan = compilePlan(spec, { accumulate: "f64" });
  const tensors = Object.fromEntries(Object.entries(plan.tensors).map(([name, tensor]) => [name, inFloat64(tensor)]));
  const io: Record<string, Tensor> = {};
  for (const role of ["query", "key", "value"]) io[role] = numbers(inputs[role]);
  const results: Record<string, HostTensor> = {};
  for (const name of Object.keys(out)) results[name] = new HostTensor(tensors[name].dtype, tensors[name].shape);
  const program = interpret(attentionBackend, { ...plan, tensors });
  await program.run({ ...io, ...results }, options);
  program.dispose();
  return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, Float64Array.from(tensor.data)]));
};

/** Queries that the oracle computed are not rounded on their way to attention. */
const inFloat64 = (tensor: PlanTensor): PlanTensor => (isFloat(tensor.dtype) ? { ...tensor, dtype: "f64" } : tensor);

const numbers = ({ shape, values }: Operand) => new HostTensor("f64", shape, values);
