import type { Geometry } from "@spaattn/attention";
import { convert, type HostArrays, type HostTensor, type Tensor, type TypedArray } from "@spaattn/core";
import type { HeadShape } from "@spaattn/mask";

/** One (batch item, head): every formula of the method is about one of these. */
export interface Head {
  /** Position in `[b, h]`. */
  readonly at: number;
  readonly item: number;
  readonly head: number;
}

/** All heads of a call, in memory order. */
export const headsOf = ({ batch, heads }: Geometry): Head[] =>
  Array.from({ length: batch * heads }, (_, at) => ({ at, item: Math.floor(at / heads), head: at % heads }));

export const shapeOf = ({ visualTokens, headDim, blockSize }: Geometry): HeadShape => ({
  visualTokens,
  headDim,
  blockSize,
});

/** The tensor's own storage for one head of `[b, h, ...]`; any tensor of this backend is a host tensor. */
export function slice(tensor: Tensor, { at }: Head): TypedArray {
  const { data, shape } = tensor as HostTensor;
  const size = data.length / (shape[0] * shape[1]);
  return data.subarray(at * size, (at + 1) * size);
}

/** One head's values in float64. */
export function read(tensor: Tensor, head: Head): Float64Array {
  const values = slice(tensor, head);
  return tensor.dtype === "f64" ? (values as Float64Array) : convert(values, tensor.dtype, "f64");
}

/** Stores one head's values, rounded to the tensor's dtype; a role without a tensor is not wanted. */
export function write(tensor: Tensor | undefined, head: Head, values: TypedArray): void {
  if (!tensor) return;
  const rounded = values instanceof Float64Array ? convert(values, "f64", tensor.dtype) : values;
  slice(tensor, head).set(rounded as HostArrays[typeof tensor.dtype]);
}

/** One head's block lists. */
export const listsOf = (counts: Tensor, indices: Tensor, head: Head) => ({
  counts: slice(counts, head) as Int32Array,
  indices: slice(indices, head) as Int32Array,
});

/** Valid text rows `[T_v, d]` of the batch item. */
export const textRows = (tensor: Tensor, head: Head, { visualTokens: n, textValid, headDim }: Geometry): Float64Array =>
  read(tensor, head).subarray(n * headDim, (n + textValid[head.item]) * headDim);
