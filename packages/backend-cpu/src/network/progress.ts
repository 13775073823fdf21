import type { OperationTiming, RunOptions } from "@spaattn/core";
import type { ProgramPart } from "./layout.js";

const INTERVAL_MS = 100;

/** Adds up what is done and how long it took, and tells the caller a few times a second. */
export class NetworkProgress {
  readonly #ms = new Map<string, number>();
  readonly #whole: number;
  #seconds = 0;
  #said = Number.NEGATIVE_INFINITY;

  constructor(
    parts: readonly ProgramPart[],
    readonly options: RunOptions,
  ) {
    this.#whole = parts.reduce((sum, part) => sum + total(part), 0);
  }

  /** `seconds` of a part's estimate are done. */
  say(part: ProgramPart, seconds: number): void {
    const { onProgress } = this.options;
    const now = performance.now();
    if (!onProgress || now - this.#said < INTERVAL_MS) return;
    this.#said = now;
    onProgress(Math.min(1, (this.#seconds + seconds) / this.#whole), part.name);
  }

  /** A part is done, its operations having taken so many milliseconds. */
  done(part: ProgramPart, ms: readonly number[]): void {
    part.ops.forEach((op, i) => void this.#ms.set(op, (this.#ms.get(op) ?? 0) + ms[i]));
    this.#seconds += total(part);
    this.say(part, 0);
  }

  /** Milliseconds by operation. */
  timings(): OperationTiming[] {
    return [...this.#ms].map(([op, ms]) => ({ op, ms }));
  }
}

const total = ({ seconds }: ProgramPart): number => seconds.reduce((sum, s) => sum + s, 0);
