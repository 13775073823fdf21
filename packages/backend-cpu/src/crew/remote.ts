import { throwIfAborted } from "@spaattn/core";
import { disposedError } from "../errors.js";
import { CONTROL_BYTES } from "../wasm/engine.js";
import type { Batch, Control, Crew } from "./crew.js";
import { SLACK_BYTES } from "./heap.js";
import { Thread } from "./thread.js";

/** One worker thread with a memory of its own, for pages that may not share memory; tensors travel as copies. */
export class RemoteCrew implements Crew {
  readonly threads = 1;

  private constructor(readonly worker: Thread) {}

  static async create(module: WebAssembly.Module): Promise<RemoteCrew> {
    const worker = new Thread();
    await worker.ask({ kind: "init", module, memory: undefined });
    return new RemoteCrew(worker);
  }

  /** One piece at a time: all of the memory. */
  async claim(bytes: number): Promise<number> {
    await this.worker.ask({ kind: "reserve", bytes: CONTROL_BYTES + bytes + SLACK_BYTES });
    return CONTROL_BYTES;
  }

  release(): void {}

  write(at: number, length: number, fill: (bytes: Uint8Array) => void): void {
    const bytes = new Uint8Array(length);
    fill(bytes);
    this.worker.tell({ kind: "write", at, bytes }, [bytes.buffer]);
  }

  async read(at: number, length: number, take: (bytes: Uint8Array) => void): Promise<void> {
    const { bytes } = await this.worker.ask({ kind: "read", at, length });
    take(bytes!);
  }

  async run({ op, tasks, scratchAt }: Batch, { signal, onTasks }: Control): Promise<void> {
    throwIfAborted(signal);
    const stop = () => this.worker.tell({ kind: "abort" });
    let thrown: { error: unknown } | undefined;
    const watch = (done: number) => {
      try {
        onTasks?.(done);
      } catch (error) {
        thrown ??= { error };
        stop();
      }
    };
    signal?.addEventListener("abort", stop);
    try {
      await this.worker.ask({ kind: "run", op, tasks, scratch: scratchAt }, [], watch);
      if (thrown) throw thrown.error;
    } catch (error) {
      if (thrown) throw thrown.error;
      // A run that was told to stop says so; its thread is as good as before.
      throwIfAborted(signal);
      throw error;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  dispose(): void {
    this.worker.end(disposedError());
  }
}
