import { type OperationTiming, type RunReport, SpaAttnError, throwIfAborted } from "@spaattn/core";
import type { Compiled } from "./compile.js";
import type { Device } from "./device.js";
import { cutPieces, MOST_TIMED_BY_HOST, type Pass, type Piece } from "./pieces.js";
import type { Groups, Recording, Resolve } from "./recording.js";
import { PassTimer } from "./timing.js";

/** What a run needs besides the dispatches. */
export interface RunContext {
  readonly groups: Groups;
  resolve(): Resolve;
  /** Called before the first operation of a segment is submitted. */
  beforeSegment?(segment: number): Promise<void>;
  /** Throws when the run must end. */
  check(): void;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, stage: string) => void) | undefined;
}

const MOST_TIMED_PASSES = 2048;
/** Submissions in the queue at a time: enough that the device never waits, few enough to be cancelled soon. */
const IN_FLIGHT = 3;
const PROGRESS_MS = 100;
/** Runs of so few pieces report each of them. */
const FEW_PIECES = 16;

/** Submits a program piece by piece, a few of them ahead, and measures. */
export class Runner {
  readonly #pieces: readonly Piece[];
  readonly #timedPasses: number;
  readonly #flops: number;

  constructor(
    readonly device: Device,
    readonly recording: Recording,
    readonly compiled: Compiled,
  ) {
    this.#pieces = cutPieces(device, compiled);
    this.#timedPasses = this.#pieces.reduce((sum, { passes }) => sum + passes.length, 0);
    this.#flops = this.#pieces.reduce((sum, { flops }) => sum + flops, 0) || 1;
  }

  async run(context: RunContext): Promise<RunReport> {
    const begin = performance.now();
    const timed = this.device.hasTimestamps && this.#timedPasses > 0 && this.#timedPasses <= MOST_TIMED_PASSES;
    const timer = timed ? new PassTimer(this.device, this.#timedPasses) : undefined;
    try {
      const finished = await this.#submitAll(context, timer);
      const steps = timer ? this.#byDevice(await timer.read()) : this.#byHost(begin, finished);
      return { ms: performance.now() - begin, steps };
    } finally {
      timer?.dispose();
    }
  }

  /** Resolves with the moment each piece was done. */
  async #submitAll(context: RunContext, timer: PassTimer | undefined): Promise<number[]> {
    const { device } = this;
    const { signal, onProgress } = context;
    const running: Promise<number>[] = [];
    let done = 0;
    let reported = Number.NEGATIVE_INFINITY;
    let pass = 0;
    const check = () => {
      throwIfAborted(signal);
      device.assertAlive();
      context.check();
    };
    for (const [i, piece] of this.#pieces.entries()) {
      if (i >= IN_FLIGHT) await running[i - IN_FLIGHT];
      check();
      if (piece.segment !== undefined && context.beforeSegment) {
        await context.beforeSegment(piece.segment);
        check();
      }
      const now = performance.now();
      if (onProgress && (this.#pieces.length <= FEW_PIECES || now - reported >= PROGRESS_MS)) {
        reported = now;
        onProgress(Math.min(1, done / this.#flops), piece.stage);
      }
      const submitted = this.#submit(piece, context, timer, pass).then((moment) => {
        done += piece.flops;
        return moment;
      });
      // When the piece before fails nobody waits for this one, and it fails for the same reason.
      submitted.catch(() => undefined);
      running.push(submitted);
      pass += piece.passes.length;
    }
    const finished = await Promise.all(running);
    await device.finished();
    context.check();
    return finished;
  }

  async #submit(piece: Piece, context: RunContext, timer: PassTimer | undefined, firstPass: number): Promise<number> {
    const { gpu } = this.device;
    gpu.pushErrorScope("validation");
    let failed: Promise<GPUError | null>;
    try {
      const encoder = gpu.createCommandEncoder({ label: "spaattn.run" });
      const passes: readonly Pick<Pass, "first" | "end">[] = timer ? piece.passes : [piece];
      for (const [i, { first, end }] of passes.entries()) {
        const pass = encoder.beginComputePass(timer ? { timestampWrites: timer.writes(firstPass + i) } : {});
        this.recording.record(pass, context.groups, context.resolve(), first, end);
        pass.end();
      }
      if (timer && firstPass + passes.length === timer.passes) timer.resolve(encoder);
      gpu.queue.submit([encoder.finish()]);
    } finally {
      failed = gpu.popErrorScope().catch(() => null);
    }
    const finished = gpu.queue.onSubmittedWorkDone().catch(() => undefined);
    const error = await failed;
    if (error)
      throw new SpaAttnError("Unsupported", `WebGPU refused a dispatch: ${error.message}`, {
        remedy: "Please report this, with the plan and the device.",
      });
    await finished;
    return performance.now();
  }

  #byDevice(passes: readonly number[]): OperationTiming[] {
    const timings = this.compiled.placement.operations.map(({ op }) => ({ op: op as string, ms: 0 }));
    this.#pieces
      .flatMap((piece) => piece.passes)
      .forEach(({ operation }, i) => {
        timings[operation].ms += passes[i];
      });
    return timings;
  }

  /** Pieces are done one after the other: each took the time since the one before. */
  #byHost(begin: number, finished: readonly number[]): OperationTiming[] {
    const { operations } = this.compiled.placement;
    const took = finished.map((moment, i) => moment - (i > 0 ? finished[i - 1] : begin));
    if (this.device.hasTimestamps || operations.length > MOST_TIMED_BY_HOST)
      return this.#pieces.map(({ stage }, i) => ({ op: stage, ms: took[i] }));
    const timings = operations.map(({ op }) => ({ op: op as string, ms: 0 }));
    this.#pieces.forEach(({ passes: [{ operation }] }, i) => {
      timings[operation].ms += took[i];
    });
    return timings;
  }
}
