import type { OperationName } from "@spaattn/core";
import type { CudaOperation } from "../network/call.js";
import { attention } from "./attention.js";
import { conv } from "./conv.js";
import { denseAttention } from "./dense-attention.js";
import { binary, combine, unary } from "./elementwise.js";
import { embed, timestep } from "./embed.js";
import { heads, merge } from "./heads.js";
import { linear } from "./linear.js";
import { norm } from "./norm.js";
import { reduce } from "./reduce.js";
import { concat, pad, repeat, slice, transpose } from "./shape.js";

/** Every operation this backend runs, by name. */
const OPERATIONS: { readonly [N in OperationName]?: CudaOperation<N> } = {
  attention,
  binary,
  combine,
  concat,
  conv,
  denseAttention,
  embed,
  heads,
  linear,
  merge,
  norm,
  pad,
  reduce,
  repeat,
  slice,
  timestep,
  transpose,
  unary,
};

export const operationOf = (name: string): CudaOperation<OperationName> | undefined =>
  Object.hasOwn(OPERATIONS, name)
    ? (OPERATIONS[name as OperationName] as unknown as CudaOperation<OperationName>)
    : undefined;
