import type { Handle } from "./driver/driver.js";

/** Lays out a kernel's parameter struct as C does: every field aligned to its own size. */
export class Params {
  readonly #data = new DataView(new ArrayBuffer(512));
  #used = 0;

  /** 64-bit addresses; undefined is null. */
  pointers(...values: readonly (Handle | undefined)[]): this {
    for (const value of values) this.#data.setBigUint64(this.#take(8), value ?? 0n, true);
    return this;
  }
  longs(...values: readonly number[]): this {
    for (const value of values) this.#data.setBigInt64(this.#take(8), BigInt(value), true);
    return this;
  }
  ints(...values: readonly (number | boolean)[]): this {
    for (const value of values) this.#data.setInt32(this.#take(4), Number(value), true);
    return this;
  }
  floats(...values: readonly number[]): this {
    for (const value of values) this.#data.setFloat32(this.#take(4), value, true);
    return this;
  }
  /** The struct, padded to the alignment of its widest field. */
  bytes(): Uint8Array {
    return new Uint8Array(this.#data.buffer, 0, Math.ceil(this.#used / 8) * 8);
  }

  #take(size: number): number {
    const offset = Math.ceil(this.#used / size) * size;
    this.#used = offset + size;
    return offset;
  }
}
