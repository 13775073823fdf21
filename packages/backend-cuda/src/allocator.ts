import { isSpaAttnError, SpaAttnError } from "@spaattn/core";
import type { CudaDriver, Handle } from "./driver/driver.js";
import type { Streams } from "./streams.js";

/** Rounded so that a freed piece fits requests of nearly the same size: an eighth of a power of two, at least 512 bytes. */
export function roundSize(bytes: number): number {
  if (bytes <= 4096) return Math.max(512, Math.ceil(bytes / 512) * 512);
  const step = 2 ** (Math.floor(Math.log2(bytes)) - 3);
  return Math.ceil(bytes / step) * step;
}

/**
 * Device memory that keeps what is freed for the next request of the same size.
 *
 * Freed memory may still be in use by work submitted before. On the backend's own stream everything that reuses it comes
 * after; while streams of the caller are at work, freed memory rests until they are done.
 */
export class Allocator {
  readonly #sizes = new Map<Handle, number>();
  readonly #idle = new Map<number, Handle[]>();
  #resting: { readonly pointer: Handle; readonly size: number; readonly until: readonly Handle[] }[] = [];
  #inUse = 0;
  #held = 0;

  constructor(
    readonly driver: CudaDriver,
    readonly streams: Streams,
  ) {}

  /** Bytes handed out, and bytes taken from the driver. */
  get usage(): { inUse: number; held: number } {
    return { inUse: this.#inUse, held: this.#held };
  }

  /** @throws SpaAttnError OutOfMemory, with the sizes named. */
  allocate(bytes: number, what = "a tensor"): Handle {
    const size = roundSize(bytes);
    if (this.#resting.length > 0) this.#wake();
    const pointer = this.#idle.get(size)?.pop() ?? this.#fresh(size, what);
    this.#sizes.set(pointer, size);
    this.#inUse += size;
    return pointer;
  }

  free(pointer: Handle): void {
    const size = this.#sizes.get(pointer);
    if (size === undefined) return;
    this.#sizes.delete(pointer);
    this.#inUse -= size;
    const until = this.streams.busy();
    if (until.length > 0) this.#resting.push({ pointer, size, until });
    else this.#keep(pointer, size);
  }

  #keep(pointer: Handle, size: number): void {
    const idle = this.#idle.get(size);
    if (idle) idle.push(pointer);
    else this.#idle.set(size, [pointer]);
  }

  /** Memory whose last users are done becomes idle. An event may stand for later work by now: then it rests longer. */
  #wake(wait = false): void {
    const resting = this.#resting;
    this.#resting = [];
    for (const piece of resting) {
      if (wait) for (const event of piece.until) this.driver.synchronizeEvent(event);
      if (wait || piece.until.every((event) => this.driver.eventDone(event))) this.#keep(piece.pointer, piece.size);
      else this.#resting.push(piece);
    }
  }

  /** Gives idle memory back to the driver. */
  trim(): void {
    this.#wake(true);
    for (const [size, pointers] of this.#idle)
      for (const pointer of pointers) {
        this.driver.free(pointer);
        this.#held -= size;
      }
    this.#idle.clear();
  }

  /** Gives everything back, also what was never freed. */
  dispose(): void {
    for (const pointer of [...this.#sizes.keys()]) this.free(pointer);
    this.trim();
  }

  #fresh(size: number, what: string): Handle {
    try {
      return this.#take(size);
    } catch (error) {
      if (!isSpaAttnError(error, "OutOfMemory")) throw error;
      this.trim();
      try {
        return this.#take(size);
      } catch (cause) {
        if (!isSpaAttnError(cause, "OutOfMemory")) throw cause;
        const { free, total } = this.driver.memoryInfo();
        const mb = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MB`;
        throw new SpaAttnError(
          "OutOfMemory",
          `There is no room for ${what} of ${mb(size)}: ${mb(free)} of ${mb(total)} are free, ${mb(this.#held)} held by this backend.`,
          { remedy: cause.remedy, cause },
        );
      }
    }
  }

  #take(size: number): Handle {
    const pointer = this.driver.allocate(size);
    this.#held += size;
    return pointer;
  }
}
