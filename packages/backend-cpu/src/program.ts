import type { Bindings, Plan, Program, RunOptions, RunReport, StepDescription } from "@spaattn/attention";
import type { HostTensor } from "@spaattn/core";
import { checkTensors } from "./check.js";
import { disposedError } from "./errors.js";
import type { Runtime } from "./runtime.js";
import type { Work } from "./work.js";

const WHAT: Readonly<Record<string, string>> = {
  permute: "applied while heads are copied in and out",
  pool: "while the head is in the kernels' memory",
  summarize: "while the head is in the kernels' memory",
  estimate: "while the head is in the kernels' memory; selection without a sort",
  attend: "64-row tiles over the block lists, longest first",
};

/** A plan that runs head by head, all steps of a head together. */
export class FusedProgram implements Program {
  #disposed = false;

  constructor(
    readonly runtime: Runtime,
    readonly plan: Plan,
    readonly work: Work,
  ) {
    runtime.checkFits(work);
  }

  async run(bindings: Bindings, options: RunOptions = {}): Promise<RunReport> {
    if (this.#disposed) throw disposedError();
    const constants: Readonly<Record<string, HostTensor>> = this.plan.constants;
    const tensors = checkTensors(this.work, { ...constants, ...bindings });
    const start = performance.now();
    const steps = await this.runtime.execute(this.work, tensors, options);
    return { ms: performance.now() - start, steps };
  }

  describe(): readonly StepDescription[] {
    return this.plan.steps.map(({ step: { op } }) => ({
      op,
      kernel: `cpu.${this.runtime.kernel}.${op}`,
      reason: WHAT[op],
    }));
  }

  dispose(): void {
    this.#disposed = true;
  }
}
