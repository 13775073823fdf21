import type { OperationName } from "@spaattn/core";
import { conv } from "./conv.js";
import { denseAttention } from "./dense-attention.js";
import { binary, combine, reduce, unary } from "./elementwise.js";
import { embed, timestep } from "./embed.js";
import { heads, merge } from "./heads.js";
import type { OperationKernel } from "./kernel.js";
import { linear } from "./linear.js";
import { norm } from "./norm.js";
import { concat, pad, repeat, slice, transpose } from "./shape.js";

type Kernels = { readonly [N in Exclude<OperationName, "attention">]: OperationKernel<N> };

/** Every operation of a network but `attention`, which is driven by the host (network/attention.ts). */
export const OPERATIONS: Kernels = {
  linear,
  conv,
  norm,
  heads,
  merge,
  denseAttention,
  embed,
  timestep,
  binary,
  unary,
  combine,
  reduce,
  transpose,
  concat,
  slice,
  pad,
  repeat,
};

export const kernelOf = (op: string): OperationKernel<OperationName> | undefined =>
  (OPERATIONS as Readonly<Record<string, OperationKernel<OperationName>>>)[op];
