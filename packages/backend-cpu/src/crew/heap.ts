import { outOfMemory } from "../errors.js";

interface Block {
  readonly at: number;
  readonly bytes: number;
}

const ALIGNMENT = 64;
/** Vector loops may read a little past the last tensor. */
export const SLACK_BYTES = 8192;
/** What 32-bit addresses reach. */
const END = 65535 * 65536;

/** Pieces of a WASM memory, first fit. Holes are few: long-lived pieces are weights, and the rest comes and goes whole. */
export class Heap {
  /** Taken pieces in order of address. */
  readonly #taken: Block[] = [];
  #used = 0;

  constructor(
    readonly start: number,
    /** Makes the memory so many bytes long. Throws `OutOfMemory`. */
    readonly grow: (bytes: number) => void,
  ) {}

  /** Bytes taken. */
  get used(): number {
    return this.#used;
  }

  claim(bytes: number): number {
    const size = Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
    let at = this.start;
    let index = 0;
    for (; index < this.#taken.length; index++) {
      const block = this.#taken[index];
      if (block.at - at >= size) break;
      at = block.at + block.bytes;
    }
    if (at + size + SLACK_BYTES > END) throw outOfMemory(bytes);
    if (index === this.#taken.length) this.grow(at + size + SLACK_BYTES);
    this.#taken.splice(index, 0, { at, bytes: size });
    this.#used += size;
    return at;
  }

  release(at: number): void {
    const index = this.#taken.findIndex((block) => block.at === at);
    if (index < 0) return;
    this.#used -= this.#taken[index].bytes;
    this.#taken.splice(index, 1);
  }
}
