import type { Heap } from "./heap.js";

/** What a run tells and asks its caller while kernels work. */
export interface Control {
  readonly signal?: AbortSignal;
  /** Tasks of the phase done so far; of a sequence, its phases. */
  readonly onTasks?: (done: number) => void;
}

/** The tasks of one phase: pairs of job address and unit. */
export interface Batch {
  readonly op: number;
  readonly tasks: Int32Array;
  readonly tasksAt: number;
  readonly scratchAt: number;
  readonly scratchBytes: number;
}

/** Phases one after the other, each done when all its units are; their table lies in memory (phase-table.ts). */
export interface Sequence {
  readonly at: number;
  readonly count: number;
  readonly scratchAt: number;
  readonly scratchBytes: number;
  /** True where waking threads would take longer than the work. */
  readonly small: boolean;
}

/** One memory with one or more threads that run kernels in it. */
export interface Crew {
  readonly threads: number;
  /** Room for `bytes`; returns its address. Fails with `OutOfMemory`. */
  claim(bytes: number): Promise<number> | number;
  /** Gives what `claim` gave back. */
  release(at: number): void;
  /** Lets `fill` write `length` bytes at `at`. */
  write(at: number, length: number, fill: (bytes: Uint8Array) => void): void;
  /** Shows `take` the `length` bytes at `at`. */
  read(at: number, length: number, take: (bytes: Uint8Array) => void): Promise<void> | void;
  /** Runs the tasks in order of the list, as many at a time as there are threads. */
  run(batch: Batch, control: Control): Promise<void>;
  dispose(): void;
}

/** A crew whose memory this thread sees: it can run networks. */
export interface NetworkCrew extends Crew {
  readonly engine: Engine;
  claim(bytes: number): number;
  /** Gives the crew the kernels of networks. */
  install(module: WebAssembly.Module): Promise<void>;
  sequence(sequence: Sequence, control: Control): Promise<void>;
}

/** Kernels bound to a memory. */
export interface Engine {
  readonly heap: Heap;
  /** Returns where to go on with the unit, 0 when it is done. */
  step: (op: number, job: number, unit: number, scratch: number, from: number) => number;
  bytes(): Uint8Array<ArrayBufferLike>;
  /** Adds the kernels of networks. */
  install(module: WebAssembly.Module): Promise<void>;
}
