import type { Engine } from "../device/device.js";
import { outOfMemory } from "../errors.js";

const PAGE = 65536;

/** A memory that can grow to what 32-bit addresses reach. */
export function newMemory(shared: boolean): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: 1, maximum: 65536, shared });
  } catch (cause) {
    throw outOfMemory(65536 * PAGE, cause);
  }
}

/** The kernels of a compiled module, at work in `memory`. */
export async function wasmEngine(module: WebAssembly.Module, memory: WebAssembly.Memory): Promise<Engine> {
  const instance = await WebAssembly.instantiate(module, { env: { memory } });
  return {
    step: instance.exports.step as Engine["step"],
    bytes: () => new Uint8Array(memory.buffer),
    grow: (bytes) => growMemory(memory, bytes),
  };
}

export function growMemory(memory: WebAssembly.Memory, bytes: number): void {
  const pages = Math.ceil((bytes - memory.buffer.byteLength) / PAGE);
  if (pages <= 0) return;
  try {
    memory.grow(pages);
  } catch (cause) {
    throw outOfMemory(bytes, cause);
  }
}
