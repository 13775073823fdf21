import type { Handle } from "./driver/driver.js";

/** The bytes of a parameter struct, and where in it the addresses of device memory stand. */
export class Argument {
  constructor(
    readonly bytes: Uint8Array,
    readonly pointers: readonly number[],
  ) {}

  get length(): number {
    return this.bytes.length;
  }
}

/** Lays out a kernel's parameter struct as C does: every field aligned to its own size. */
export class Params {
  readonly #data = new DataView(new ArrayBuffer(1024));
  readonly #pointers: number[] = [];
  #used = 0;

  /** 64-bit addresses; undefined is null. */
  pointers(...values: readonly (Handle | undefined)[]): this {
    for (const value of values) {
      const at = this.#take(8);
      this.#data.setBigUint64(at, value ?? 0n, true);
      if (value !== undefined) this.#pointers.push(at);
    }
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
  doubles(...values: readonly number[]): this {
    for (const value of values) this.#data.setFloat64(this.#take(8), value, true);
    return this;
  }
  /** A struct inside the struct begins and ends at a multiple of 8 bytes. */
  align(): this {
    this.#used = Math.ceil(this.#used / 8) * 8;
    return this;
  }
  /** The struct, padded to the alignment of its widest field. */
  bytes(): Argument {
    const size = Math.ceil(this.#used / 8) * 8;
    return new Argument(new Uint8Array(this.#data.buffer, 0, size), this.#pointers);
  }

  #take(size: number): number {
    const offset = Math.ceil(this.#used / size) * size;
    this.#used = offset + size;
    return offset;
  }
}
