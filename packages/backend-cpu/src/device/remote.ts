import { throwIfAborted } from "@spaattn/core";
import { disposedError } from "../errors.js";
import type { Batch, Control, Device } from "./device.js";
import { Thread } from "./thread.js";

/** One worker thread with a memory of its own, for pages that may not share memory; tensors travel as copies. */
export class RemoteDevice implements Device {
  readonly threads = 1;

  private constructor(readonly worker: Thread) {}

  static async create(module: WebAssembly.Module): Promise<RemoteDevice> {
    const worker = new Thread();
    await worker.ask({ kind: "init", module, memory: undefined });
    return new RemoteDevice(worker);
  }

  async reserve(bytes: number): Promise<void> {
    await this.worker.ask({ kind: "reserve", bytes });
  }

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
    signal?.addEventListener("abort", stop);
    try {
      await this.worker.ask({ kind: "run", op, tasks, scratch: scratchAt }, [], onTasks);
    } catch (error) {
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
