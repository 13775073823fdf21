import type { Engine } from "../crew/crew.js";
import { Heap } from "../crew/heap.js";
import { outOfMemory } from "../errors.js";
import { NETWORK } from "../network/kernels.js";

const PAGE = 65536;
/** First bytes of a memory: the counters threads share. Address 0 stays free, it means "absent". */
export const CONTROL_BYTES = 1024;

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
  const steps = async (of: WebAssembly.Module) =>
    (await WebAssembly.instantiate(of, { env: { memory } })).exports.step as Engine["step"];
  const attention = await steps(module);
  const engine: Engine = {
    step: attention,
    heap: new Heap(CONTROL_BYTES, (bytes) => growMemory(memory, bytes)),
    bytes: () => new Uint8Array(memory.buffer),
    async install(network) {
      if (engine.step !== attention) return;
      const more = await steps(network);
      engine.step = (op, job, unit, scratch, from) =>
        op < NETWORK ? attention(op, job, unit, scratch, from) : more(op, job, unit, scratch, from);
    },
  };
  return engine;
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
