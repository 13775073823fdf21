import type { RunOptions, StepTiming } from "@spaattn/attention";
import { guardCallbacks, isSpaAttnError, throwIfAborted } from "@spaattn/core";
import type { Device } from "./device/device.js";
import { InlineDevice } from "./device/inline.js";
import { RemoteDevice } from "./device/remote.js";
import { SharedDevice } from "./device/shared.js";
import { disposedError } from "./errors.js";
import { execute } from "./execute.js";
import { plainEngine } from "./plain/engine.js";
import type { Tensors } from "./transfer.js";
import { newMemory, wasmEngine } from "./wasm/engine.js";
import { compiled, type KernelKind } from "./wasm/module.js";
import { planWindow } from "./window.js";
import type { Work } from "./work.js";

export interface RuntimeOptions {
  readonly kernel: KernelKind;
  readonly threads: number;
  readonly sharedMemory: boolean;
  readonly memoryLimit: number;
}

/** Below this many multiplications and additions, waking threads costs more than it saves. */
const WORTH_THREADS = 3e8;

/** Owns the threads and their memories, and lets one run at a time use them. */
export class Runtime {
  readonly kernel: KernelKind;
  #disposed = false;
  #last: Promise<unknown> = Promise.resolve();
  #inline: Device | undefined;
  #pool: readonly Device[] | undefined;

  constructor(readonly options: RuntimeOptions) {
    this.kernel = options.kernel;
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** Throws `OutOfMemory` when the work cannot run within the memory limit. */
  checkFits(work: Work): void {
    planWindow(work, this.options.sharedMemory ? this.options.threads : 1, this.options.memoryLimit, 1);
  }

  /** Runs the work after whatever was asked for before. */
  execute(work: Work, tensors: Tensors, options: RunOptions): Promise<StepTiming[]> {
    this.checkFits(work);
    return this.use(operations(work), options, (devices, limit, guarded) =>
      execute(work, tensors, devices, limit, guarded),
    );
  }

  /** Lets a job of about so many operations use the devices after whatever was asked for before. */
  use<T>(
    operations: number,
    options: RunOptions,
    job: (devices: readonly Device[], limit: number, options: RunOptions) => Promise<T>,
  ): Promise<T> {
    const turn = this.#last.then(async () => {
      if (this.#disposed) throw disposedError();
      throwIfAborted(options.signal);
      const devices = await this.#devices(operations);
      try {
        return await guardCallbacks(options, ["onProgress"], (guarded) =>
          job(devices, this.options.memoryLimit, guarded),
        );
      } catch (error) {
        // Threads that lost one of them, or hang on a shared list, are replaced as a whole by the next run.
        if (isSpaAttnError(error, "DeviceLost")) this.#dropPool();
        throw error;
      }
    });
    this.#last = turn.catch(() => {});
    return turn;
  }

  dispose(): void {
    this.#disposed = true;
    this.#inline?.dispose();
    this.#dropPool();
  }

  async #devices(operations: number): Promise<readonly Device[]> {
    const { kernel, threads, sharedMemory } = this.options;
    if (kernel === "plain") return [(this.#inline ??= new InlineDevice(plainEngine()))];
    if (threads === 1 || operations < WORTH_THREADS) {
      this.#inline ??= new InlineDevice(await wasmEngine(await compiled(kernel, false), newMemory(false)));
      return [this.#inline];
    }
    if (!this.#pool) {
      const module = await compiled(kernel, sharedMemory);
      this.#pool = sharedMemory
        ? [await SharedDevice.create(module, threads)]
        : await Promise.all(Array.from({ length: threads }, () => RemoteDevice.create(module)));
      if (this.#disposed) {
        this.#dropPool();
        throw disposedError();
      }
    }
    return this.#pool;
  }

  #dropPool(): void {
    for (const device of this.#pool ?? []) device.dispose();
    this.#pool = undefined;
  }
}

/** About how many multiplications and additions the work takes. */
function operations({ parameters: { geometry: g, attend, summarize, estimate, n } }: Work): number {
  const heads = g.batch * g.heads;
  const row = g.tokens * g.headDim * heads;
  if (attend) return 4 * row * g.tokens * (attend.dense ? 1 : 0.25);
  if (estimate) return 12 * n * n * g.headDim * heads;
  return row * (summarize ? 64 : 6);
}
