import { type RunOptions, type StepTiming, throwIfAborted } from "@spaattn/core";
import type { Device } from "./device/device.js";
import { InlineDevice } from "./device/inline.js";
import { disposedError } from "./errors.js";
import { execute } from "./execute.js";
import { plainEngine } from "./plain/engine.js";
import type { Tensors } from "./transfer.js";
import { planWindow } from "./window.js";
import type { Work } from "./work.js";

/** Owns the devices and lets one run at a time use them. */
export class Runtime {
  readonly kernel = "plain";
  #disposed = false;
  #last: Promise<unknown> = Promise.resolve();
  readonly #devices: Device[] = [new InlineDevice(plainEngine())];

  constructor(readonly memoryLimit: number) {}

  get disposed(): boolean {
    return this.#disposed;
  }

  /** Throws `OutOfMemory` when the work cannot run within the memory limit. */
  checkFits(work: Work): void {
    planWindow(work, 1, this.memoryLimit, 1);
  }

  /** Runs the work after whatever was asked for before. */
  execute(work: Work, tensors: Tensors, options: RunOptions): Promise<StepTiming[]> {
    this.checkFits(work);
    const turn = this.#last.then(() => {
      if (this.#disposed) throw disposedError();
      throwIfAborted(options.signal);
      return execute(work, tensors, this.#devices, this.memoryLimit, options);
    });
    this.#last = turn.catch(() => {});
    return turn;
  }

  dispose(): void {
    this.#disposed = true;
    for (const device of this.#devices) device.dispose();
  }
}
