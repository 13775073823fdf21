import type { RunOptions, RunReport, StepTiming } from "@spaattn/attention";
import { throwIfAborted } from "@spaattn/core";
import type { Device } from "./device.js";
import type { Recording, Resolve } from "./recording.js";
import { PassTimer } from "./timing.js";

/** Dispatches of one step that are submitted together. */
interface Piece {
  readonly step: number;
  readonly first: number;
  readonly end: number;
  readonly flops: number;
}

const MAX_TIMED_PASSES = 2048;

/** Submits recorded steps piece by piece, waits for them, and measures. */
export class Runner {
  readonly #pieces: readonly Piece[];

  constructor(
    readonly device: Device,
    readonly recordings: readonly Recording[],
    readonly resolves: readonly Resolve[],
  ) {
    this.#pieces = recordings.flatMap((recording, step) => cut(recording, step, device.maxDispatchFlops));
  }

  async run(options: RunOptions): Promise<RunReport> {
    const { device } = this;
    const begin = performance.now();
    const timed = device.hasTimestamps && this.#pieces.length <= MAX_TIMED_PASSES;
    const timer = timed ? new PassTimer(device, this.#pieces.length) : undefined;
    try {
      const passes = await this.#submitAll(options, timer);
      const steps: StepTiming[] = this.recordings.map(({ lowering }) => ({ op: lowering.op, ms: 0 }));
      this.#pieces.forEach(({ step }, i) => {
        steps[step] = { op: steps[step].op, ms: steps[step].ms + passes[i] };
      });
      return { ms: performance.now() - begin, steps };
    } finally {
      timer?.dispose();
    }
  }

  /** Milliseconds of each piece: the device's own clock, else time on the host's with a wait after each. */
  async #submitAll({ signal, onProgress }: RunOptions, timer: PassTimer | undefined): Promise<number[]> {
    const total = this.#pieces.reduce((sum, { flops }) => sum + flops, 0) || 1;
    const onHost: number[] = [];
    let done = 0;
    let previous: Promise<void> | undefined;
    let start = performance.now();
    for (const [i, piece] of this.#pieces.entries()) {
      throwIfAborted(signal);
      const submitted = this.#submit(piece, i, timer);
      // When the piece before fails nobody waits for this one, and it fails for the same reason.
      submitted.catch(() => undefined);
      // With timestamps one piece may wait in the queue while another runs.
      await (timer ? previous : submitted);
      if (timer) previous = submitted;
      onHost.push(performance.now() - start);
      start = performance.now();
      onProgress?.(done / total, this.recordings[piece.step].lowering.op);
      done += piece.flops;
    }
    await previous;
    await this.device.finished();
    return timer ? timer.read() : onHost;
  }

  async #submit(piece: Piece, index: number, timer: PassTimer | undefined): Promise<void> {
    const { gpu } = this.device;
    this.device.assertAlive();
    gpu.pushErrorScope("validation");
    let failed: Promise<GPUError | null>;
    try {
      const encoder = gpu.createCommandEncoder({ label: "spaattn.run" });
      const pass = encoder.beginComputePass(timer ? { timestampWrites: timer.writes(index) } : {});
      this.recordings[piece.step].record(pass, this.resolves[piece.step], piece.first, piece.end);
      pass.end();
      if (timer && index === this.#pieces.length - 1) timer.resolve(encoder);
      gpu.queue.submit([encoder.finish()]);
    } finally {
      failed = gpu.popErrorScope().catch(() => null);
    }
    const error = await failed;
    if (error) throw new Error(`WebGPU refused a dispatch: ${error.message}`);
    await this.device.finished();
  }
}

/** Cuts a step so that no piece exceeds the work one dispatch may take by much. */
function cut(recording: Recording, step: number, budget: number): Piece[] {
  const pieces: Piece[] = [];
  let first = 0;
  let flops = 0;
  recording.commands.forEach((command, i) => {
    if (i > first && flops + command.flops > budget) {
      pieces.push({ step, first, end: i, flops });
      first = i;
      flops = 0;
    }
    flops += command.flops;
  });
  pieces.push({ step, first, end: recording.commands.length, flops });
  return pieces;
}
