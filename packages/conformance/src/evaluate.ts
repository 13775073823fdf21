import {
  type AttentionSpec,
  type Backend,
  compilePlan,
  createAttention,
  type Extra,
  maskToDense,
  type PlanOptions,
  type RunOptions,
  resolveSpec,
} from "@spaattn/attention";
import { type HostTensor, HostTensor as Tensor } from "@spaattn/core";
import type { CaseInputs } from "./inputs.js";

/** Everything a run returned, on the host. */
export type HostResults = Readonly<Record<string, HostTensor>>;

/** Runs a spec and reads back the output and the asked-for extras. */
export async function evaluate(
  backend: Backend,
  spec: AttentionSpec,
  inputs: CaseInputs,
  extras: readonly Extra[],
  options: RunOptions & { readonly fused?: boolean } = {},
): Promise<HostResults> {
  const attention = await createAttention(backend, { ...spec, extras }, { fused: options.fused ?? true });
  try {
    const { tensors } = await attention.run({ ...inputs }, options);
    return await readAll(tensors);
  } finally {
    attention.dispose();
  }
}

/** Runs a spec with the mask given instead of ranked: `mask` is `[b, h, n, n]` u8 over visual blocks. */
export const evaluateWithMask = (
  backend: Backend,
  spec: AttentionSpec,
  inputs: CaseInputs,
  extras: readonly Extra[],
  mask: Uint8Array,
): Promise<HostResults> => evaluateWith("forced", { maskAsInput: true }, backend, spec, inputs, extras, mask);

/** Runs a spec of rectify "levels" with the choice given instead of made: `[b, h, n, n]` u8. */
export const evaluateWithChoice = (
  backend: Backend,
  spec: AttentionSpec,
  inputs: CaseInputs,
  extras: readonly Extra[],
  choice: Uint8Array,
): Promise<HostResults> => evaluateWith("choice", { choiceAsInput: true }, backend, spec, inputs, extras, choice);

async function evaluateWith(
  name: string,
  options: PlanOptions,
  backend: Backend,
  spec: AttentionSpec,
  inputs: CaseInputs,
  extras: readonly Extra[],
  decided: Uint8Array,
): Promise<HostResults> {
  const resolved = resolveSpec({ ...spec, extras });
  const { batch, heads, visualBlocks: n } = resolved.geometry;
  const plan = compilePlan(resolved, { accumulate: backend.capabilities.accumulate, ...options });
  const program = await backend.prepare(plan);
  try {
    const given = backend.upload(new Tensor("u8", [batch, heads, n, n], decided));
    const bindings: Record<string, ReturnType<Backend["allocate"]>> = { [name]: given };
    for (const [name, tensor] of Object.entries(inputs)) bindings[name] = backend.upload(tensor);
    const outputs: typeof bindings = {};
    for (const [name, { dtype, shape, role }] of Object.entries(plan.tensors))
      if (role === "output") outputs[name] = backend.allocate(dtype, shape);
    await program.run({ ...bindings, ...outputs });
    return await readAll(outputs);
  } finally {
    program.dispose();
  }
}

async function readAll(
  tensors: Readonly<Record<string, { read(): Promise<HostTensor>; dispose(): void }>>,
): Promise<HostResults> {
  const results: Record<string, HostTensor> = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    results[name] = await tensor.read();
    tensor.dispose();
  }
  return results;
}

/** The dense 0/1 mask of a run, `[b, h, n, columns]`; columns default to the visual blocks. */
export function denseMaskOf(results: HostResults, spec: AttentionSpec, columns?: number): Uint8Array {
  const { geometry } = resolveSpec(spec);
  const { counts, indices } = results;
  const lists = { counts: counts.data, indices: indices.data, stride: indices.shape[3] };
  return maskToDense(lists, geometry, columns ?? geometry.visualBlocks);
}
