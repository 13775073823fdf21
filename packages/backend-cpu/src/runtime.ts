import type { RunOptions, StepTiming } from "@spaattn/attention";
import { guardCallbacks, isSpaAttnError, throwIfAborted } from "@spaattn/core";
import type { Crew, NetworkCrew } from "./crew/crew.js";
import { InlineCrew } from "./crew/inline.js";
import { RemoteCrew } from "./crew/remote.js";
import { SharedCrew } from "./crew/shared.js";
import { disposedError } from "./errors.js";
import { execute } from "./execute.js";
import type { Tensors } from "./transfer.js";
import { newMemory, wasmEngine } from "./wasm/engine.js";
import { compiled, compiledNetwork, type KernelKind } from "./wasm/module.js";
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
  #inline: Promise<InlineCrew> | undefined;
  #pool: readonly Crew[] | undefined;
  #lost = 0;

  constructor(readonly options: RuntimeOptions) {
    this.kernel = options.kernel;
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** Threads that work on one network. */
  get networkThreads(): number {
    return this.options.sharedMemory ? this.options.threads : 1;
  }

  /** How often threads were lost, and with them everything in their memory. */
  get generation(): number {
    return this.#lost;
  }

  /** Throws `OutOfMemory` when the work cannot run within the memory limit. */
  checkFits(work: Work): void {
    planWindow(work, this.networkThreads, this.options.memoryLimit, 1);
  }

  /** Runs the work after whatever was asked for before. */
  execute(work: Work, tensors: Tensors, options: RunOptions): Promise<StepTiming[]> {
    this.checkFits(work);
    return this.use(operations(work), options, (crews, limit, guarded) =>
      execute(work, tensors, crews, limit, guarded),
    );
  }

  /** Lets a job of about so many operations use the threads after whatever was asked for before. */
  use<T>(
    operations: number,
    options: RunOptions,
    job: (crews: readonly Crew[], limit: number, options: RunOptions) => Promise<T>,
  ): Promise<T> {
    return this.turn(options.signal, async () => {
      const crews = await this.#crews(operations);
      return guardCallbacks(options, ["onProgress"], (guarded) => job(crews, this.options.memoryLimit, guarded));
    });
  }

  /** Lets `body` use the threads after whatever was asked for before. */
  turn<T>(signal: AbortSignal | undefined, body: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(async () => {
      if (this.#disposed) throw disposedError();
      throwIfAborted(signal);
      try {
        return await body();
      } catch (error) {
        // Threads that lost one of them, or hang on a shared list, are replaced as a whole by the next run.
        if (isSpaAttnError(error, "DeviceLost")) this.#dropPool();
        throw error;
      }
    });
    this.#last = turn.catch(() => {});
    return turn;
  }

  /** The crew that runs networks, with their kernels. */
  async networkCrew(): Promise<NetworkCrew> {
    const { kernel, threads, sharedMemory } = this.options;
    const several = threads > 1 && sharedMemory;
    const crew = several ? ((await this.#threads())[0] as SharedCrew) : await this.#calling();
    await crew.install(await compiledNetwork(kernel, several));
    return crew;
  }

  dispose(): void {
    this.#disposed = true;
    void this.#inline?.then((crew) => crew.dispose());
    this.#dropPool();
  }

  async #crews(operations: number): Promise<readonly Crew[]> {
    if (this.options.threads === 1 || operations < WORTH_THREADS) return [await this.#calling()];
    return this.#threads();
  }

  #calling(): Promise<InlineCrew> {
    this.#inline ??= (async () => {
      return new InlineCrew(await wasmEngine(await compiled(this.kernel, false), newMemory(false)));
    })();
    return this.#inline;
  }

  async #threads(): Promise<readonly Crew[]> {
    const { kernel, threads, sharedMemory } = this.options;
    if (!this.#pool) {
      const module = await compiled(kernel, sharedMemory);
      this.#pool = sharedMemory
        ? [await SharedCrew.create(module, threads)]
        : await Promise.all(Array.from({ length: threads }, () => RemoteCrew.create(module)));
      if (this.#disposed) {
        this.#dropPool();
        throw disposedError();
      }
    }
    return this.#pool;
  }

  #dropPool(): void {
    this.#lost++;
    for (const crew of this.#pool ?? []) crew.dispose();
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
