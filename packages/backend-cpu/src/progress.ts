import type { RunOptions, StepKind, StepTiming } from "@spaattn/attention";
import type { Control } from "./crew/crew.js";
import { OP_ATTEND } from "./job-layout.js";
import { OP_ATTEND_LISTS } from "./levels/job-layout.js";
import type { Phase, Work } from "./work.js";

/** Attention takes about this many times as long as any other phase. */
const ATTEND_WEIGHT = 20;
const weight = ({ op }: Phase): number => (op === OP_ATTEND || op === OP_ATTEND_LISTS ? ATTEND_WEIGHT : 1);
const INTERVAL_MS = 100;

/** Adds up what is done and how long it took, and tells the caller a few times a second. */
export class Progress {
  readonly #ms = new Map<StepKind, number>();
  readonly #whole: number;
  /** Share of the work of phases that are under way. */
  readonly #open = new Set<{ done: number }>();
  #done = 0;
  #said = 0;

  constructor(
    work: Pick<Work, "phases">,
    shares: number,
    readonly options: RunOptions,
  ) {
    this.#whole = shares * work.phases.reduce((sum, phase) => sum + weight(phase), 0);
  }

  /** Runs `total` tasks of a phase that are `part` of all its tasks in one share. */
  async phase(phase: Phase, part: number, total: number, run: (control: Control) => Promise<void>): Promise<void> {
    const { signal, onProgress } = this.options;
    const entry = { done: 0 };
    this.#open.add(entry);
    const share = (weight(phase) * part) / this.#whole;
    const onTasks = (done: number) => {
      entry.done = (share * done) / Math.max(1, total);
      this.#say(phase.stage);
    };
    try {
      await this.timed(phase.stage, () => run({ ...(signal ? { signal } : {}), ...(onProgress ? { onTasks } : {}) }));
      this.#done += share;
    } finally {
      this.#open.delete(entry);
    }
  }

  async timed(stage: StepKind, body: () => Promise<void>): Promise<void> {
    const start = performance.now();
    await body();
    this.#ms.set(stage, (this.#ms.get(stage) ?? 0) + performance.now() - start);
  }

  /** Milliseconds per stage; `permute` is bringing tensors in and out. */
  timings(): StepTiming[] {
    return [...this.#ms].map(([op, ms]) => ({ op, ms }));
  }

  #say(stage: StepKind): void {
    const now = performance.now();
    if (now - this.#said < INTERVAL_MS) return;
    this.#said = now;
    let done = this.#done;
    for (const entry of this.#open) done += entry.done;
    this.options.onProgress?.(Math.min(1, done), stage);
  }
}
