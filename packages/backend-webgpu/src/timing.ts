import type { Device } from "./device.js";

/** Timestamps around passes, read back once per run. */
export class PassTimer {
  readonly #set: GPUQuerySet;
  readonly #resolved: GPUBuffer;

  /** @param passes at most 2048, half of what a query set may hold. */
  constructor(
    readonly device: Device,
    readonly passes: number,
  ) {
    this.#set = device.gpu.createQuerySet({ type: "timestamp", count: 2 * passes });
    const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC;
    this.#resolved = device.memory.create("timestamps", 16 * passes, usage);
  }

  writes(pass: number): GPUComputePassTimestampWrites {
    return { querySet: this.#set, beginningOfPassWriteIndex: 2 * pass, endOfPassWriteIndex: 2 * pass + 1 };
  }

  resolve(encoder: GPUCommandEncoder): void {
    encoder.resolveQuerySet(this.#set, 0, 2 * this.passes, this.#resolved, 0);
  }

  /** Milliseconds of every pass. */
  async read(): Promise<number[]> {
    const raw = await this.device.readBack(this.#resolved, 0, 16 * this.passes);
    const ticks = new BigUint64Array(raw);
    return Array.from({ length: this.passes }, (_, i) => Number(ticks[2 * i + 1] - ticks[2 * i]) / 1e6);
  }

  dispose(): void {
    this.#set.destroy();
    this.device.memory.destroy(this.#resolved);
  }
}
