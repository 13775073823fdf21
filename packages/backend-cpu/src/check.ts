import { elementCount, type HostTensor, isHostTensor, SpaAttnError, sameShape, type Tensor } from "@spaattn/core";
import { SLOTS, type Slot, slotDType } from "./slots.js";
import type { Tensors } from "./transfer.js";
import type { Transfer, Work } from "./work.js";

/**
 * Checks that a tensor is here, alive and still has its memory.
 *
 * @throws TypeError, or SpaAttnError `Disposed`.
 */
export function hostTensor(name: string, tensor: Tensor | undefined): HostTensor {
  if (!tensor) throw new TypeError(`${name} is missing`);
  if (!isHostTensor(tensor)) throw new TypeError(`${name} must be a HostTensor, it lives on another device`);
  if (tensor.disposed)
    throw new SpaAttnError("Disposed", `${name} has been disposed.`, { remedy: "Keep it until the run is over." });
  if (tensor.data.length !== elementCount(tensor.shape))
    throw new TypeError(`${name} has lost its memory: its buffer was transferred (detached)`);
  return tensor;
}

/** Checks every tensor of the work: there, in shape, of the right type. Returns them by name. */
export function checkTensors(work: Work, given: Readonly<Record<string, Tensor | undefined>>): Tensors {
  const tensors: Record<string, HostTensor> = {};
  for (const transfer of [...work.loads, ...work.stores]) {
    const tensor = hostTensor(transfer.name, given[transfer.name]);
    checkShape(work, transfer, tensor);
    tensors[transfer.name] = tensor;
    if (transfer.order !== undefined) tensors[transfer.order] = hostTensor(transfer.order, given[transfer.order]);
  }
  return tensors;
}

function checkShape(work: Work, { slot: name, name: path }: Transfer, tensor: HostTensor): void {
  const { parameters } = work;
  const slot: Slot = SLOTS[name];
  const own = slot.shape(parameters);
  const { batch, heads } = parameters.geometry;
  const expected = [batch, heads, ...own];
  const shared = name === "forced" && sameShape(tensor.shape, own);
  if (!shared && !sameShape(tensor.shape, expected))
    throw new RangeError(`${path} must have shape [${expected.join(", ")}], got [${tensor.shape.join(", ")}]`);
  const dtype = slotDType(slot, parameters);
  if (tensor.dtype !== dtype) throw new TypeError(`${path} must be ${dtype}, got ${tensor.dtype}`);
}
