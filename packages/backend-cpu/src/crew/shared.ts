import { throwIfAborted } from "@spaattn/core";
import { disposedError } from "../errors.js";
import { newMemory, wasmEngine } from "../wasm/engine.js";
import type { Batch, Control, Engine, NetworkCrew, Sequence } from "./crew.js";
import { breathe, driveSequence } from "./drive.js";
import { NEXT_TASK, type Order, STOP, TASKS_DONE } from "./messages.js";
import { Thread } from "./thread.js";

const POLL_MS = 100;

/** Worker threads on one shared memory. The calling thread only watches, so it stays responsive. */
export class SharedCrew implements NetworkCrew {
  readonly threads: number;
  #disposed = false;
  #installed: Promise<unknown> | undefined;

  private constructor(
    readonly memory: WebAssembly.Memory,
    readonly engine: Engine,
    readonly workers: readonly Thread[],
  ) {
    this.threads = workers.length;
  }

  static async create(module: WebAssembly.Module, count: number): Promise<SharedCrew> {
    const memory = newMemory(true);
    const workers: Thread[] = [];
    try {
      for (let i = 0; i < count; i++) workers.push(new Thread());
      const [engine] = await Promise.all([
        wasmEngine(module, memory),
        ...workers.map((worker) => worker.ask({ kind: "init", module, memory })),
      ]);
      return new SharedCrew(memory, engine, workers);
    } catch (error) {
      for (const worker of workers) worker.end(disposedError());
      throw error;
    }
  }

  claim(bytes: number): number {
    return this.engine.heap.claim(bytes);
  }

  release(at: number): void {
    this.engine.heap.release(at);
  }

  write(at: number, length: number, fill: (bytes: Uint8Array) => void): void {
    fill(new Uint8Array(this.memory.buffer, at, length));
  }

  read(at: number, length: number, take: (bytes: Uint8Array) => void): void {
    take(new Uint8Array(this.memory.buffer, at, length));
  }

  async install(module: WebAssembly.Module): Promise<void> {
    this.#installed ??= Promise.all([
      this.engine.install(module),
      ...this.workers.map((worker) => worker.ask({ kind: "install", module })),
    ]);
    await this.#installed;
  }

  async run(batch: Batch, control: Control): Promise<void> {
    const { op, tasks, tasksAt, scratchAt, scratchBytes } = batch;
    const count = tasks.length / 2;
    const words = new Int32Array(this.memory.buffer);
    words.set(tasks, tasksAt >> 2);
    Atomics.store(words, NEXT_TASK, 0);
    await this.#together(count, control, (i) => ({
      kind: "share",
      op,
      tasksAt,
      count,
      scratch: scratchAt + i * scratchBytes,
    }));
  }

  async sequence({ at, count, scratchAt, scratchBytes, small }: Sequence, control: Control): Promise<void> {
    if (small) {
      throwIfAborted(control.signal);
      return driveSequence(this.engine, at, count, scratchAt, async (done) => {
        control.onTasks?.(done);
        await breathe();
        if (this.#disposed) throw disposedError();
        throwIfAborted(control.signal);
      });
    }
    await this.#together(this.threads, control, (i) => ({
      kind: "sequence",
      at,
      count,
      scratch: scratchAt + i * scratchBytes,
    }));
  }

  dispose(): void {
    this.#disposed = true;
    for (const worker of this.workers) worker.end(disposedError());
  }

  /** Gives the first `count` workers an order and waits for all of them; tells how far they are. */
  async #together(count: number, { signal, onTasks }: Control, orderOf: (worker: number) => Order): Promise<void> {
    throwIfAborted(signal);
    const words = new Int32Array(this.memory.buffer, 0, 16);
    Atomics.store(words, TASKS_DONE, 0);
    Atomics.store(words, STOP, 0);
    const stop = () => void Atomics.store(words, STOP, 1);
    let thrown: { error: unknown } | undefined;
    const watch = () => {
      try {
        onTasks?.(Atomics.load(words, TASKS_DONE));
      } catch (error) {
        thrown ??= { error };
        stop();
      }
    };
    signal?.addEventListener("abort", stop);
    const timer = onTasks && setInterval(watch, POLL_MS);
    try {
      await Promise.all(this.workers.slice(0, count).map((worker, i) => worker.ask(orderOf(i))));
    } catch (error) {
      stop();
      throw error;
    } finally {
      signal?.removeEventListener("abort", stop);
      if (timer) clearInterval(timer);
    }
    if (thrown) throw thrown.error;
    throwIfAborted(signal);
  }
}
