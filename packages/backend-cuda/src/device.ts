import { isSpaAttnError, SpaAttnError } from "@spaattn/core";
import { Allocator } from "./allocator.js";
import { ContextGuard } from "./driver/context.js";
import type { TensorMapShape } from "./driver/driver.js";
import { ATTRIBUTE, type CudaDriver, type Handle } from "./driver/driver.js";
import { Kernels, type ModuleName } from "./kernels.js";
import { Argument } from "./params.js";
import { Streams, type Turn } from "./streams.js";

const STAGING_BYTES = 16 * 2 ** 20;

export interface Launch {
  readonly module: ModuleName;
  readonly kernel: string;
  readonly grid: readonly [number, number?, number?];
  readonly threads: number;
  readonly sharedBytes?: number;
  /** Structs by value, and tensors as the copy engine sees them. */
  readonly parameters: readonly (Argument | TensorMapShape)[];
}

/** One GPU: its primary context, kernels, memory and the backend's own stream. */
export class CudaDevice {
  /** Every call makes our context current and gives the thread's own back. */
  readonly driver: CudaDriver;
  readonly guard: ContextGuard;
  readonly kernels: Kernels;
  readonly allocator: Allocator;
  readonly stream: Handle;
  readonly streams: Streams;
  readonly capability: number;
  readonly multiprocessors: number;
  /** Shared memory that one thread block may have. */
  readonly sharedBytes: number;
  #staging: { pointer: Handle; view: Uint8Array } | undefined;
  #staged: Promise<unknown> = Promise.resolve();
  readonly #held = new Set<() => void>();
  #disposed = false;

  constructor(
    raw: CudaDriver,
    readonly ordinal: number,
  ) {
    this.capability = capabilityOf(raw, ordinal);
    this.multiprocessors = raw.attribute(ordinal, ATTRIBUTE.multiprocessors);
    this.sharedBytes = raw.attribute(ordinal, ATTRIBUTE.sharedBytesPerBlock);
    this.guard = new ContextGuard(raw, raw.retainContext(ordinal));
    this.driver = this.guard.driver;
    this.kernels = new Kernels(this.driver);
    this.stream = this.driver.createStream();
    this.streams = new Streams(this.driver, this.stream);
    this.allocator = new Allocator(this.driver, this.streams);
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** The driver, while this device lives. */
  enter(): CudaDriver {
    if (this.#disposed)
      throw new SpaAttnError("Disposed", "The CUDA backend has been disposed.", { remedy: "Create it again." });
    return this.driver;
  }

  /** Keeps something that must be given back before the device goes; call the result to give it back now. */
  hold(release: () => void): () => void {
    this.#held.add(release);
    return () => {
      if (this.#held.delete(release)) release();
    };
  }

  /** Submits what `body` launches, as one change of context; see `Streams.submit`. */
  submit(stream: Handle, turn: Turn, body: () => void): void {
    this.enter();
    this.guard.within(() => this.streams.submit(stream, turn, body));
  }

  launch(stream: Handle, { module, kernel, grid, threads, sharedBytes = 0, parameters }: Launch): void {
    const [x, y = 1, z = 1] = grid;
    const handle = this.kernels.get(module, kernel, sharedBytes);
    const bytes = parameters.map((each) => (each instanceof Argument ? each.bytes : this.driver.encodeTensorMap(each)));
    this.driver.launch(handle, { grid: [x, y, z], threads, sharedBytes }, bytes, stream);
  }

  /** Loads a kernel ahead of its first launch. */
  load({ module, kernel, sharedBytes = 0 }: Launch): void {
    this.kernels.get(module, kernel, sharedBytes);
  }

  /** Copies device memory to the host through pinned memory, without blocking the thread; one copy at a time. */
  read(source: Handle, target: Uint8Array): Promise<void> {
    return this.#oneAtATime(() => this.#read(source, target));
  }

  /** Copies pieces from the host to addresses of the device through pinned memory, without blocking the thread. */
  write(pieces: AsyncIterable<{ readonly target: Handle; readonly piece: Uint8Array }>): Promise<void> {
    return this.#oneAtATime(() => this.#write(pieces));
  }

  #oneAtATime(body: () => Promise<void>): Promise<void> {
    const done = this.#staged.then(body);
    this.#staged = done.catch(() => undefined);
    return done;
  }

  #pinned(): { pointer: Handle; view: Uint8Array } {
    this.#staging ??= this.enter().allocateHost(STAGING_BYTES);
    return this.#staging;
  }

  /** Two halves of the pinned memory take turns: one is filled while the other travels. */
  async #write(pieces: AsyncIterable<{ readonly target: Handle; readonly piece: Uint8Array }>): Promise<void> {
    const half = STAGING_BYTES / 2;
    const { view } = this.#pinned();
    const sent: (Handle | undefined)[] = [undefined, undefined];
    let turn = 0;
    try {
      for await (const { target, piece } of pieces)
        for (let at = 0; at < piece.length; at += half) {
          const size = Math.min(half, piece.length - at);
          const event = (sent[turn] ??= this.enter().createEvent());
          await this.done(event);
          const room = view.subarray(turn * half, turn * half + size);
          room.set(piece.subarray(at, at + size));
          this.guard.within((driver) => {
            driver.copyToDevice(target + BigInt(at), room, this.stream);
            driver.recordEvent(event, this.stream);
          });
          turn = 1 - turn;
        }
    } finally {
      for (const event of sent) if (event !== undefined && !this.#disposed) await this.done(event);
      this.destroyEvents(sent.filter((event) => event !== undefined));
    }
  }

  async #read(source: Handle, target: Uint8Array): Promise<void> {
    const { pointer, view } = this.#pinned();
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
      ...this.#held,
      () => this.allocator.dispose(),
      () => this.streams.dispose(),
      () => this.#staging && driver.freeHost(this.#staging.pointer),
      () => this.kernels.dispose(),
      () => driver.destroyStream(this.stream),
    ];
    for (const step of steps) ignoreLost(step);
    this.#disposed = true;
    ignoreLost(() => this.guard.raw.releaseContext(this.ordinal));
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
