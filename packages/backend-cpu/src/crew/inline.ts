import { throwIfAborted } from "@spaattn/core";
import { disposedError } from "../errors.js";
import type { Batch, Control, Engine, NetworkCrew, Sequence } from "./crew.js";
import { breathe, drive, driveSequence } from "./drive.js";

/** The calling thread, in slices of a few milliseconds. */
export class InlineCrew implements NetworkCrew {
  readonly threads = 1;
  #disposed = false;

  constructor(readonly engine: Engine) {}

  claim(bytes: number): number {
    return this.engine.heap.claim(bytes);
  }

  release(at: number): void {
    this.engine.heap.release(at);
  }

  write(at: number, length: number, fill: (bytes: Uint8Array) => void): void {
    fill(this.engine.bytes().subarray(at, at + length));
  }

  read(at: number, length: number, take: (bytes: Uint8Array) => void): void {
    take(this.engine.bytes().subarray(at, at + length));
  }

  async install(module: WebAssembly.Module): Promise<void> {
    await this.engine.install(module);
  }

  async run({ op, tasks, scratchAt }: Batch, control: Control): Promise<void> {
    throwIfAborted(control.signal);
    await drive(this.engine.step, op, tasks, scratchAt, (done) => this.#pause(done, control));
  }

  async sequence({ at, count, scratchAt }: Sequence, control: Control): Promise<void> {
    throwIfAborted(control.signal);
    await driveSequence(this.engine, at, count, scratchAt, (done) => this.#pause(done, control));
  }

  dispose(): void {
    this.#disposed = true;
  }

  async #pause(done: number, { signal, onTasks }: Control): Promise<void> {
    onTasks?.(done);
    await breathe();
    if (this.#disposed) throw disposedError();
    throwIfAborted(signal);
  }
}
