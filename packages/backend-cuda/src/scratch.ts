import type { CudaDevice } from "./device.js";
import type { Handle } from "./driver/driver.js";
import type { Scratch } from "./site.js";

interface Piece {
  readonly pointer: Handle;
  readonly bytes: number;
}

/** Named buffers that grow on demand, and constants by their contents. Reuse is ordered by the stream that all work runs on. */
export class NamedScratch implements Scratch {
  readonly #pieces = new Map<string, Piece>();
  readonly #constants = new Map<string, Handle>();

  constructor(
    readonly device: CudaDevice,
    /** Constants to keep; programs need few and keep all. */
    readonly limit = Number.POSITIVE_INFINITY,
  ) {}

  get bytes(): number {
    let sum = 0;
    for (const piece of this.#pieces.values()) sum += piece.bytes;
    return sum;
  }

  take(name: string, bytes: number): Handle {
    const held = this.#pieces.get(name);
    if (held && held.bytes >= bytes) return held.pointer;
    if (held) this.device.allocator.free(held.pointer);
    this.#pieces.delete(name);
    const pointer = this.device.allocator.allocate(bytes, `workspace "${name}"`);
    this.#pieces.set(name, { pointer, bytes });
    return pointer;
  }

  constant(name: string, data: Int32Array | Float32Array): Handle {
    const key = `${name}:${data.join()}`;
    const held = this.#constants.get(key);
    if (held !== undefined) return held;
    if (this.#constants.size >= this.limit) this.#forgetOldest();
    const pointer = this.device.allocator.allocate(data.byteLength, `constant "${name}"`);
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.device.driver.copyToDevice(pointer, bytes, this.device.stream);
    // Another stream may read it next, so it has to be there now.
    this.device.driver.synchronizeStream(this.device.stream);
    this.#constants.set(key, pointer);
    return pointer;
  }

  dispose(): void {
    if (!this.device.disposed) {
      for (const { pointer } of this.#pieces.values()) this.device.allocator.free(pointer);
      for (const pointer of this.#constants.values()) this.device.allocator.free(pointer);
    }
    this.#pieces.clear();
    this.#constants.clear();
  }

  #forgetOldest(): void {
    const [key, pointer] = this.#constants.entries().next().value as [string, Handle];
    this.device.allocator.free(pointer);
    this.#constants.delete(key);
  }
}
