import { isSpaAttnError, SpaAttnError } from "@spaattn/core";
import { Allocator } from "./allocator.js";
import { ATTRIBUTE, type CudaDriver, type Handle } from "./driver/driver.js";
import { Kernels, type ModuleName } from "./kernels.js";

const STAGING_BYTES = 16 * 2 ** 20;

export interface Launch {
  readonly module: ModuleName;
  readonly kernel: string;
  readonly grid: readonly [number, number?, number?];
  readonly threads: number;
  readonly sharedBytes?: number;
  readonly parameters: readonly Uint8Array[];
}

/** One GPU: its primary context, kernels, memory and the backend's own stream. */
export class CudaDevice {
  readonly context: Handle;
  readonly kernels: Kernels;
  readonly allocator: Allocator;
  readonly stream: Handle;
  readonly capability: number;
  #staging: { pointer: Handle; view: Uint8Array } | undefined;
  #reading: Promise<unknown> = Promise.resolve();
  #disposed = false;

  constructor(
    readonly driver: CudaDriver,
    readonly ordinal: number,
  ) {
    this.capability = capabilityOf(driver, ordinal);
    this.context = driver.retainContext(ordinal);
    driver.setContext(this.context);
    this.kernels = new Kernels(driver);
    this.allocator = new Allocator(driver);
    this.stream = driver.createStream();
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** Makes the context current; other libraries of the process may have changed it. */
  enter(): CudaDriver {
    if (this.#disposed)
      throw new SpaAttnError("Disposed", "The CUDA backend has been disposed.", { remedy: "Create it again." });
    this.driver.setContext(this.context);
    return this.driver;
  }

  launch(stream: Handle, { module, kernel, grid, threads, sharedBytes = 0, parameters }: Launch): void {
    const [x, y = 1, z = 1] = grid;
    const handle = this.kernels.get(module, kernel, sharedBytes);
    this.driver.launch(handle, { grid: [x, y, z], threads, sharedBytes }, parameters, stream);
  }

  /** Loads a kernel ahead of its first launch. */
  load({ module, kernel, sharedBytes = 0 }: Launch): void {
    this.kernels.get(module, kernel, sharedBytes);
  }

  /** Copies device memory to the host through pinned memory, without blocking the thread; one copy at a time. */
  read(source: Handle, target: Uint8Array): Promise<void> {
    const copy = this.#reading.then(() => this.#read(source, target));
    this.#reading = copy.catch(() => undefined);
    return copy;
  }

  async #read(source: Handle, target: Uint8Array): Promise<void> {
    const driver = this.enter();
    this.#staging ??= driver.allocateHost(STAGING_BYTES);
    const { pointer, view } = this.#staging;
    for (let at = 0; at < target.length; at += STAGING_BYTES) {
      const size = Math.min(STAGING_BYTES, target.length - at);
      this.enter().copyToHost(pointer, source + BigInt(at), size, this.stream);
      await this.finished(this.stream);
      target.set(view.subarray(0, size), at);
    }
  }

  /** Resolves when all work submitted to the stream so far is done. */
  async finished(stream: Handle): Promise<void> {
    const event = this.enter().createEvent();
    try {
      this.driver.recordEvent(event, stream);
      await this.done(event);
    } finally {
      this.destroyEvents([event]);
    }
  }

  /** Cleaning up must not hide the error that made it necessary: on a lost device events are gone anyway. */
  destroyEvents(events: readonly Handle[]): void {
    if (this.#disposed) return;
    for (const event of events) ignoreLost(() => this.driver.destroyEvent(event));
  }

  /** Polls an event: waiting inside the driver would block the thread. */
  async done(event: Handle): Promise<void> {
    for (let polls = 0; !this.enter().eventDone(event); polls++)
      await new Promise((resolve) => (polls < 100 ? setImmediate(resolve) : setTimeout(resolve, 1)));
  }

  /** Gives everything back. A lost device has nothing left to give: then this only forgets it. */
  dispose(): void {
    if (this.#disposed) return;
    const { driver } = this;
    const steps = [
      () => this.enter(),
      () => driver.synchronizeStream(this.stream),
      () => this.allocator.dispose(),
      () => this.#staging && driver.freeHost(this.#staging.pointer),
      () => this.kernels.dispose(),
      () => driver.destroyStream(this.stream),
      () => driver.releaseContext(this.ordinal),
    ];
    for (const step of steps) ignoreLost(step);
    this.#disposed = true;
  }
}

function ignoreLost(body: () => unknown): void {
  try {
    body();
  } catch (error) {
    if (!isSpaAttnError(error, "DeviceLost")) throw error;
  }
}

/** 80 for compute capability 8.0, 90 for 9.0. */
export const capabilityOf = (driver: CudaDriver, ordinal: number): number =>
  driver.attribute(ordinal, ATTRIBUTE.major) * 10 + driver.attribute(ordinal, ATTRIBUTE.minor);
