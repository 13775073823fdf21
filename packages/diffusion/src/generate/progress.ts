import type { RunOptions } from "@spaattn/core";

/** What a generation is doing. */
export type Stage = "text" | "image" | "denoise" | "decode";

export interface Progress {
  readonly stage: Stage;
  /** Denoising step, from 1; and how many there are. */
  readonly step?: number;
  readonly steps?: number;
  /** The part of the network that computes, `block 7` say. */
  readonly part?: string;
  /** Share of all the work, 0 to 1. */
  readonly done: number;
  /** Seconds left, once there is something to judge by. */
  readonly secondsLeft?: number;
}

/** Counts work of different stages together and foretells the end. */
export class ProgressMeter {
  #before = 0;
  readonly #begin = performance.now();

  /**
   * @param total all the work there will be, in floating-point operations
   * @param report called with every change; what it throws ends the generation
   */
  constructor(
    readonly total: number,
    readonly report: ((progress: Progress) => void) | undefined,
  ) {}

  /** Options for a run that is `work` of the whole; counted as done when `finish` is called. */
  begin(stage: Stage, work: number, signal: AbortSignal | undefined, step?: { step: number; steps: number }) {
    const at = (share: number, part?: string) => this.#tell(stage, this.#before + work * share, part, step);
    at(0);
    const options: RunOptions = { ...(signal ? { signal } : {}), onProgress: at };
    return {
      options,
      finish: () => {
        this.#before += work;
        at(0);
      },
    };
  }

  #tell(stage: Stage, work: number, part: string | undefined, step: { step: number; steps: number } | undefined): void {
    if (!this.report) return;
    const done = Math.min(1, work / this.total);
    const seconds = (performance.now() - this.#begin) / 1000;
    // Before a hundredth is done a forecast would be a guess.
    const left = done > 0.01 ? { secondsLeft: (seconds * (1 - done)) / done } : {};
    this.report({ stage, ...step, ...(part === undefined ? {} : { part }), done, ...left });
  }
}
