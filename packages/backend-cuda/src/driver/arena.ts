import koffi from "koffi";
import type { Handle } from "./driver.js";

/** Native memory that never moves, for what the driver reads or writes during a call; aligned to 128 bytes. */
export class Arena {
  readonly base: Handle;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  // The pointer object keeps the memory alive.
  readonly memory: unknown;
  #used = 0;

  constructor(size: number) {
    this.memory = koffi.alloc("uint8_t", size + 128);
    const address = BigInt(koffi.address(this.memory));
    this.base = (address + 127n) & ~127n;
    const buffer = koffi.view(this.base, size) as ArrayBuffer;
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
  }

  /** Forgets what was placed: the next call starts over. */
  reset(): void {
    this.#used = 0;
  }

  /** Copies bytes in and returns their address. */
  place(data: Uint8Array, align = 64): Handle {
    const offset = this.reserve(data.length, align);
    this.bytes.set(data, offset);
    return this.base + BigInt(offset);
  }

  /** Room for `size` bytes; returns its offset. */
  reserve(size: number, align = 64): number {
    const offset = Math.ceil(this.#used / align) * align;
    this.#used = offset + size;
    if (this.#used > this.bytes.length) throw new RangeError(`arena of ${this.bytes.length} bytes is full`);
    return offset;
  }
}
