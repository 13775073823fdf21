import type { Engine } from "../device/device.js";
import { outOfMemory } from "../errors.js";
import { Heap } from "./heap.js";
import { plainKernels } from "./kernels.js";

/** The plain kernels with a memory of their own. */
export function plainEngine(): Engine {
  const heap = new Heap(64 * 1024);
  return {
    step: plainKernels(heap),
    bytes: () => heap.u8,
    grow(bytes) {
      try {
        heap.grow(bytes);
      } catch (cause) {
        throw outOfMemory(bytes, cause);
      }
    },
  };
}
