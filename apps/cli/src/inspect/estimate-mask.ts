import {
  type AttentionSpec,
  type Backend,
  type BlockMask,
  compilePlan,
  type Geometry,
  type RunOptions,
  resolveSpec,
  unsupportedReason,
} from "@spaattn/attention";
import { type HostTensor, SpaAttnError, type Tensor } from "@spaattn/core";
import { fitInputs, type LabInputs } from "@spaattn/lab";

/** What an estimate says, on the host. */
export interface Selection {
  readonly geometry: Geometry;
  readonly mask: BlockMask;
  /** `probabilities` and `gain` (none, paper) or `blockMass` and `blockError` (tail). */
  readonly tensors: Readonly<Record<string, HostTensor>>;
}

/** Chooses blocks without attending: everything up to the estimate of a plan. */
export async function estimateMask(
  backend: Backend,
  given: LabInputs,
  changes: Pick<AttentionSpec, "rectify" | "policy" | "tail">,
  options: RunOptions,
): Promise<Selection> {
  const inputs = fitInputs(backend, given);
  const extras =
    changes.rectify === "tail" ? (["blockMass", "blockError"] as const) : (["probabilities", "gain"] as const);
  const spec = resolveSpec({ ...inputs.spec, ...changes, extras: ["mask", ...extras] });
  const reason = unsupportedReason(backend.capabilities, spec);
  if (reason)
    throw new SpaAttnError("Unsupported", `Backend "${backend.name}" does not support ${reason}.`, {
      remedy: "Use another backend (`spaattn doctor` lists them).",
    });
  const plan = compilePlan(spec, { accumulate: backend.capabilities.accumulate, estimateOnly: true });
  const program = await backend.prepare(plan);
  const held: Tensor[] = [];
  const keep = (tensor: Tensor) => {
    held.push(tensor);
    return tensor;
  };
  try {
    const bindings: Record<string, Tensor> = {};
    for (const name of ["query", "key", "value"] as const) bindings[name] = keep(backend.upload(inputs[name]));
    const outputs: Record<string, Tensor> = {};
    for (const [name, { dtype, shape, role }] of Object.entries(plan.tensors))
      if (role === "output") outputs[name] = keep(backend.allocate(dtype, shape));
    await program.run({ ...bindings, ...outputs }, options);
    const tensors: Record<string, HostTensor> = {};
    for (const [name, tensor] of Object.entries(outputs)) tensors[name] = await tensor.read();
    const { counts, indices } = tensors;
    return {
      geometry: spec.geometry,
      mask: { counts: counts.data, indices: indices.data, stride: indices.shape[3] },
      tensors,
    };
  } finally {
    for (const tensor of held) tensor.dispose();
    program.dispose();
  }
}
