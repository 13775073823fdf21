import { levelStart } from "@spaattn/attention";
import type { HostTensor, TypedArray } from "@spaattn/core";
import type { LevelsParameters, Through } from "./parameters.js";

export type HostTensors = Readonly<Record<string, HostTensor>>;

/** One head of a tensor `[b, h, ...]`, as bytes. */
export function headBytes({ data, shape }: HostTensor, head: number): Uint8Array {
  const array = data as TypedArray;
  const length = array.byteLength / (shape[0] * shape[1]);
  return new Uint8Array(array.buffer, array.byteOffset + head * length, length);
}

/** Copies one head in, token by token where an order is given. */
export function loadTokens(through: Through, tensors: HostTensors, head: number, target: Uint8Array): void {
  const source = headBytes(tensors[through.name], head);
  if (through.order === undefined) return void target.set(source);
  gatherRows(source, target, tensors[through.order].data as Int32Array);
}

/** Copies one head out the same way. */
export function storeTokens(through: Through, tensors: HostTensors, head: number, source: Uint8Array): void {
  const target = headBytes(tensors[through.name], head);
  if (through.order === undefined) return void target.set(source);
  gatherRows(source, target, tensors[through.order].data as Int32Array);
}

/** Row i of target = row order[i] of source. */
function gatherRows(source: Uint8Array, target: Uint8Array, order: Int32Array): void {
  const bytes = source.length / order.length;
  // Rows of 16 channels or more are whole words, and aligned wherever the tensor is.
  const words = (array: Uint8Array) => new Uint16Array(array.buffer, array.byteOffset, array.length >> 1);
  const [from, to] = [words(source), words(target)];
  const step = bytes >> 1;
  for (let i = 0; i < order.length; i++) {
    let at = order[i] * step;
    for (let x = i * step; x < (i + 1) * step; x++) to[x] = from[at++];
  }
}

/** `[n * columns]`: the row of every column, -1 for padding. Rows are level by level, columns block by block. */
export function columnRows({ n, columns, depth }: LevelsParameters): Int32Array {
  const rows = new Int32Array(n * columns).fill(-1);
  for (let level = 0; level <= depth; level++)
    for (let u = 0; u < n * 2 ** level; u++) {
      const block = Math.floor(u / 2 ** level);
      const column = columns - 2 ** (level + 1) + (u % 2 ** level);
      rows[block * columns + column] = levelStart(n, level) + u;
    }
  return rows;
}

/** Writes the nodes of one cluster, column by column, into a tensor `[b, h, g, rows, ...]`. */
export function storeNodes(
  tensor: HostTensor,
  head: number,
  cluster: number,
  rows: Int32Array,
  source: Float32Array,
): void {
  const [batch, heads, clusters, count] = tensor.shape;
  const width = source.length / rows.length;
  const size = tensor.data.length / (batch * heads * clusters);
  const target = (tensor.data as Float32Array).subarray((head * clusters + cluster) * size);
  if (size !== count * width)
    throw new RangeError(`nodes have ${width} numbers each, but the tensor has room for others`);
  rows.forEach((row, column) => {
    if (row >= 0) target.set(source.subarray(column * width, (column + 1) * width), row * width);
  });
}
