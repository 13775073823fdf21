import { throwIfAborted } from "@spaattn/core";
import { disposedError } from "../errors.js";
import { growMemory, newMemory, wasmEngine } from "../wasm/engine.js";
import type { Batch, Control, Device, Engine } from "./device.js";
import { NEXT_TASK, STOP, TASKS_DONE } from "./messages.js";
import { Thread } from "./thread.js";

const POLL_MS = 100;

/** Worker threads on one shared memory. The calling thread only watches, so it stays responsive. */
export class SharedDevice implements Device {
  readonly threads: number;

  private constructor(
    readonly memory: WebAssembly.Memory,
    readonly engine: Engine,
    readonly workers: readonly Thread[],
  ) {
    this.threads = workers.length;
  }

  static async create(module: WebAssembly.Module, count: number): Promise<SharedDevice> {
    const memory = newMemory(true);
    const workers: Thread[] = [];
    try {
      for (let i = 0; i < count; i++) workers.push(new Thread());
      const [engine] = await Promise.all([
        wasmEngine(module, memory),
        ...workers.map((worker) => worker.ask({ kind: "init", module, memory })),
      ]);
      return new SharedDevice(memory, engine, workers);
    } catch (error) {
      for (const worker of workers) worker.end(disposedError());
      throw error;
    }
  }

  reserve(bytes: number): void {
    growMemory(this.memory, bytes);
  }

  write(at: number, length: number, fill: (bytes: Uint8Array) => void): void {
    fill(new Uint8Array(this.memory.buffer, at, length));
  }

  read(at: number, length: number, take: (bytes: Uint8Array) => void): void {
    take(new Uint8Array(this.memory.buffer, at, length));
  }

  async run(batch: Batch, { signal, onTasks }: Control): Promise<void> {
    throwIfAborted(signal);
    const { op, tasks, tasksAt, scratchAt, scratchBytes } = batch;
    const count = tasks.length / 2;
    const words = new Int32Array(this.memory.buffer);
    words.set(tasks, tasksAt >> 2);
    Atomics.store(words, NEXT_TASK, 0);
    Atomics.store(words, TASKS_DONE, 0);
    Atomics.store(words, STOP, 0);
    const stop = () => void Atomics.store(words, STOP, 1);
    signal?.addEventListener("abort", stop);
    const timer = onTasks && setInterval(() => onTasks(Atomics.load(words, TASKS_DONE)), POLL_MS);
    try {
      await Promise.all(
        this.workers
          .slice(0, count)
          .map((worker, i) => worker.ask({ kind: "share", op, tasksAt, count, scratch: scratchAt + i * scratchBytes })),
      );
    } catch (error) {
      stop();
      throw error;
    } finally {
      signal?.removeEventListener("abort", stop);
      if (timer) clearInterval(timer);
    }
    throwIfAborted(signal);
  }

  dispose(): void {
    for (const worker of this.workers) worker.end(disposedError());
  }
}
