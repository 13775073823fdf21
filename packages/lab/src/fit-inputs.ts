import type { Backend } from "@spaattn/attention";
import type { LabInputs } from "./build-inputs.js";

/**
 * The inputs in a type the backend computes with: as they are where it can, else rounded to the first type it has
 * (f16 and bf16 alone on CUDA). Every mode then runs on the same rounded numbers, dense included.
 */
export function fitInputs(backend: Backend, inputs: LabInputs): LabInputs {
  const { dtypes } = backend.capabilities;
  const { query, key, value, spec } = inputs;
  const own = spec.dtype ?? "f32";
  if (dtypes.includes(own)) return inputs;
  const dtype = dtypes[0];
  return { ...inputs, query: query.to(dtype), key: key.to(dtype), value: value.to(dtype), spec: { ...spec, dtype } };
}
