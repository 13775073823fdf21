/** What a run tells and asks its caller while kernels work. */
export interface Control {
  readonly signal?: AbortSignal;
  /** Tasks of the phase done so far. */
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

/** One memory with one or more threads that run kernels in it. */
export interface Device {
  readonly threads: number;
  /** Makes room for `bytes`. Rejects with `OutOfMemory`. */
  reserve(bytes: number): Promise<void> | void;
  /** Lets `fill` write `length` bytes at `at`. */
  write(at: number, length: number, fill: (bytes: Uint8Array) => void): void;
  /** Shows `take` the `length` bytes at `at`. */
  read(at: number, length: number, take: (bytes: Uint8Array) => void): Promise<void> | void;
  /** Runs the tasks in order of the list, as many at a time as there are threads. */
  run(batch: Batch, control: Control): Promise<void>;
  dispose(): void;
}

/** Kernels bound to a memory: the compiled ones or the plain ones. */
export interface Engine {
  /** Returns where to go on with the unit, 0 when it is done. */
  readonly step: (op: number, job: number, unit: number, scratch: number, from: number) => number;
  bytes(): Uint8Array;
  grow(bytes: number): void;
}
