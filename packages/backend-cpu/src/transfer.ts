import { byteSize, elementCount, type HostTensor, type TypedArray } from "@spaattn/core";
import { SLOTS, type Slot, slotDType } from "./slots.js";
import type { Transfer, Work } from "./work.js";

export type Tensors = Readonly<Record<string, HostTensor>>;

/** Query blocks `[first, end)` of a head, when several crews share one. */
export interface RowRange {
  readonly first: number;
  readonly end: number;
}

/** One head's bytes of a tensor, and how its leading index is cut. */
interface HeadView {
  readonly bytes: Uint8Array;
  readonly rowBytes: number;
}

function headView(work: Work, transfer: Transfer, tensors: Tensors, head: number): HeadView {
  const slot: Slot = SLOTS[transfer.slot];
  const { parameters } = work;
  const shape = slot.shape(parameters);
  const length = elementCount(shape) * byteSize(slotDType(slot, parameters));
  const tensor = tensors[transfer.name];
  const data = tensor.data as TypedArray;
  // A tensor without batch and heads (`forced`) is the same for all.
  const shared = tensor.shape.length === shape.length;
  const bytes = new Uint8Array(data.buffer, data.byteOffset + (shared ? 0 : head * length), length);
  return { bytes, rowBytes: length / Math.max(1, shape[0]) };
}

/** Copies one head into `target`, token by token where an order is given. */
export function loadHead(work: Work, transfer: Transfer, tensors: Tensors, head: number, target: Uint8Array): void {
  const { bytes, rowBytes } = headView(work, transfer, tensors, head);
  if (transfer.order === undefined) {
    target.set(bytes);
    return;
  }
  const order = tensors[transfer.order].data as Int32Array;
  const copy = rowCopier(bytes, target, rowBytes);
  for (let i = 0; i < order.length; i++) copy(order[i], i);
}

/** The part of a head's slot that `range` covers, as bytes; nothing when the slot is not cut and this is not the first part. */
export function storedBytes(work: Work, { slot: name }: Transfer, range: RowRange): { at: number; length: number } {
  const slot: Slot = SLOTS[name];
  const { parameters } = work;
  const { n, geometry } = parameters;
  const shape = slot.shape(parameters);
  const length = elementCount(shape) * byteSize(slotDType(slot, parameters));
  if (!slot.rows) return { at: 0, length: range.first === 0 ? length : 0 };
  const rowBytes = length / shape[0];
  const token = (block: number) =>
    block >= n ? geometry.tokens : Math.min(block * geometry.blockSize, geometry.visualTokens);
  const row = slot.rows === "token" ? token : (block: number) => block;
  return { at: row(range.first) * rowBytes, length: (row(range.end) - row(range.first)) * rowBytes };
}

/** Copies what `storedBytes` named from the crew into the caller's tensor. */
export function storeHead(
  work: Work,
  transfer: Transfer,
  tensors: Tensors,
  head: number,
  at: number,
  source: Uint8Array,
): void {
  const { bytes, rowBytes } = headView(work, transfer, tensors, head);
  if (transfer.order === undefined) {
    bytes.set(source, at);
    return;
  }
  const order = tensors[transfer.order].data as Int32Array;
  const [first, end] = [at / rowBytes, (at + source.length) / rowBytes];
  const copy = rowCopier(source, bytes, rowBytes);
  for (let i = 0; i < order.length; i++) if (order[i] >= first && order[i] < end) copy(order[i] - first, i);
}

/** Copies row `from` of source to row `to` of target; a loop over words, rows being too short for `set`. */
function rowCopier(source: Uint8Array, target: Uint8Array, rowBytes: number): (from: number, to: number) => void {
  const aligned = (source.byteOffset | target.byteOffset | rowBytes) % 4 === 0;
  const words = (bytes: Uint8Array) => new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  const [a, b] = aligned ? [words(source), words(target)] : [source, target];
  const step = aligned ? rowBytes >> 2 : rowBytes;
  return (from, to) => {
    let at = from * step;
    for (let x = to * step, end = x + step; x < end; x++) b[x] = a[at++];
  };
}
