import { type HostTensor, type Placement, SpaAttnError } from "@spaattn/core";
import type { Device } from "./device.js";
import type { Groups, Resolve } from "./recording.js";
import type { GpuTensor } from "./tensor.js";

/** Tensors of the caller by name; they must be this device's. */
export type GpuBindings = Readonly<Record<string, GpuTensor>>;

/**
 * One set of a program's slots. Runs, which queue, share a set; recordings have another: the caller may submit one between
 * two submissions of a run.
 */
export class ProgramMemory {
  readonly groups: Groups = [];
  #slots: GPUBuffer[];

  constructor(
    readonly device: Device,
    readonly placement: Placement,
    readonly constants: ReadonlyMap<string, GPUBuffer>,
  ) {
    this.#slots = [];
    try {
      for (const [i, bytes] of placement.slots.entries())
        this.#slots.push(device.memory.create(`slot ${i}`, bytes, GPUBufferUsage.STORAGE));
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  resolve(bindings: GpuBindings): Resolve {
    return (name) => {
      const slot = this.placement.slotOf[name];
      if (slot !== undefined) return { buffer: this.#slots[slot], offset: 0 };
      const constant = this.constants.get(name);
      if (constant) return { buffer: constant, offset: 0 };
      const tensor = bindings[name];
      if (!tensor) throw new TypeError(`io.${name} is missing`);
      if (tensor.disposed)
        throw new SpaAttnError("Disposed", `io.${name} has been disposed.`, {
          remedy: "Keep it until the run is over.",
        });
      return tensor;
    };
  }

  dispose(): void {
    for (const buffer of this.#slots) this.device.memory.destroy(buffer);
    this.#slots = [];
  }

  /** Leaves the memory to the commands that were recorded. */
  leave(): void {
    for (const buffer of this.#slots) this.device.memory.leave(buffer);
    this.#slots = [];
  }
}

/** Uploads what is known when the plan is made. */
export function uploadConstants(
  device: Device,
  constants: Readonly<Record<string, HostTensor>>,
): Map<string, GPUBuffer> {
  const buffers = new Map<string, GPUBuffer>();
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
  for (const [name, tensor] of Object.entries(constants))
    buffers.set(name, device.memory.create(`constant ${name}`, tensor.data.byteLength, usage, tensor.data));
  return buffers;
}
