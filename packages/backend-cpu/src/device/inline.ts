import { throwIfAborted } from "@spaattn/core";
import { disposedError } from "../errors.js";
import type { Batch, Control, Device, Engine } from "./device.js";
import { breathe, drive } from "./drive.js";

/** The calling thread, in slices of a few milliseconds. */
export class InlineDevice implements Device {
  readonly threads = 1;
  #disposed = false;

  constructor(readonly engine: Engine) {}

  reserve(bytes: number): void {
    this.engine.grow(bytes);
  }

  write(at: number, length: number, fill: (bytes: Uint8Array) => void): void {
    fill(this.engine.bytes().subarray(at, at + length));
  }

  read(at: number, length: number, take: (bytes: Uint8Array) => void): void {
    take(this.engine.bytes().subarray(at, at + length));
  }

  async run({ op, tasks, scratchAt }: Batch, { signal, onTasks }: Control): Promise<void> {
    throwIfAborted(signal);
    await drive(this.engine.step, op, tasks, scratchAt, async (done) => {
      onTasks?.(done);
      await breathe();
      if (this.#disposed) throw disposedError();
      throwIfAborted(signal);
    });
  }

  dispose(): void {
    this.#disposed = true;
  }
}
