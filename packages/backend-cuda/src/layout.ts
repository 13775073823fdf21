import type { Plan, PlanTensor } from "@spaattn/attention";
import { byteLength } from "@spaattn/core";
import { biasStride } from "./steps/convert.js";

/** Bytes one head takes in a tensor of the contract; 0 for a table that all heads share. */
export function bytesPerHead(tensor: Pick<PlanTensor, "dtype" | "shape">, batch: number, heads: number): number {
  const { shape } = tensor;
  const own = shape.length >= 3 && shape[0] === batch && shape[1] === heads;
  return own ? byteLength(tensor) / (batch * heads) : 0;
}

/** Bytes one head takes in the kernels' own layout; undefined where they use the contract's. */
export function nativeBytesPerHead(name: string, tensor: PlanTensor): number | undefined {
  const [, , a, b = 1, c = 1] = tensor.shape;
  if (name === "indices") return a * b * 2;
  if (name === "strataKey" || name === "strataValue") return a * b * c * 2;
  if (name === "bias") return a * biasStride(b) * 4;
  return undefined;
}

/** Share of the bytes of query, key, value and output that workspace may take. */
const WORKSPACE_SHARE = 0.047;
const SMALL_WORKSPACE = 96 * 2 ** 20;
/** Estimate's scratch in tail mode, which does not grow with the heads of a chunk. */
const TAIL_SCRATCH = 42 * 2 ** 20;

/** How many heads to work on at a time, so that workspace stays small beside the tensors themselves. */
export function headsPerChunk(plan: Plan): number {
  const { batch, heads, visualBlocks: n, textTokens, tokens, headDim } = plan.geometry;
  let perHead = 0;
  for (const [name, tensor] of Object.entries(plan.tensors))
    if (tensor.role === "workspace") perHead += nativeBytesPerHead(name, tensor) ?? bytesPerHead(tensor, batch, heads);
  const estimate = plan.steps.find(({ step }) => step.op === "estimate")?.step;
  const tail = estimate?.op === "estimate" && estimate.method === "tail";
  if (estimate && !tail) perHead += n * (n + textTokens) * 4 + n * n;
  const all = batch * heads;
  const share = WORKSPACE_SHARE * 4 * all * tokens * headDim * 2 - (tail ? TAIL_SCRATCH : 0);
  const most = perHead === 0 ? all : Math.max(1, Math.floor(Math.max(SMALL_WORKSPACE, share) / perHead));
  return Math.ceil(all / Math.ceil(all / Math.min(all, most)));
}
