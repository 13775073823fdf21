import { throwIfAborted } from "@spaattn/core";

interface Waiting {
  readonly priority: number;
  readonly go: () => void;
}

/**
 * One device, one job at a time, the most urgent first.
 *
 * Long tasks take many short turns, so that a click never waits for a whole curve.
 */
export class Scheduler {
  #busy = false;
  readonly #waiting: Waiting[] = [];

  async turn<T>(priority: number, signal: AbortSignal, job: () => Promise<T>): Promise<T> {
    if (this.#busy) await new Promise<void>((go) => this.#waiting.push({ priority, go }));
    this.#busy = true;
    try {
      // Lets messages in: a cancellation that arrived meanwhile takes effect before the work starts.
      await new Promise((resolve) => setTimeout(resolve));
      throwIfAborted(signal);
      return await job();
    } finally {
      this.#busy = false;
      this.#waiting.sort((a, b) => a.priority - b.priority);
      const next = this.#waiting.shift();
      if (next) {
        this.#busy = true;
        next.go();
      }
    }
  }
}
