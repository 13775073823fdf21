import type { Bindings, Plan, Program, RunOptions, RunReport, StepDescription } from "@spaattn/attention";
import type { HostTensor } from "@spaattn/core";
import { sameShape } from "@spaattn/core";
import { hostTensor } from "../check.js";
import { disposedError } from "../errors.js";
import type { Runtime } from "../runtime.js";
import { planMemory } from "./memory.js";
import type { LevelsParameters } from "./parameters.js";
import { runLevels } from "./run.js";

const WHAT: Readonly<Record<string, string>> = {
  permute: "applied while heads are copied in and out",
  cluster: "while the heads are in the kernels' memory",
  nodes: "leaves from tokens, coarser levels merged; block by block",
  errors: "a few query blocks of one cluster at a time",
  choose: "on the calling thread",
  gather: "while the heads are in the kernels' memory",
  attend: "64-row tiles over exact blocks and gathered nodes, longest rows first",
};

/** A plan of rectify "levels". */
export class LevelsProgram implements Program {
  #disposed = false;

  constructor(
    readonly runtime: Runtime,
    readonly plan: Plan,
    readonly parameters: LevelsParameters,
  ) {
    const { threads, sharedMemory, memoryLimit } = runtime.options;
    planMemory(parameters, sharedMemory ? threads : 1, memoryLimit, 1);
  }

  async run(bindings: Bindings, options: RunOptions = {}): Promise<RunReport> {
    if (this.#disposed) throw disposedError();
    const tensors = this.#check(bindings);
    const start = performance.now();
    const { tokens, headDim, batch, heads } = this.parameters.geometry;
    const steps = await this.runtime.use(batch * heads * tokens * tokens * headDim, options, (crews, limit, guarded) =>
      runLevels(this.parameters, tensors, crews, limit, guarded),
    );
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

  #check(bindings: Bindings): Readonly<Record<string, HostTensor>> {
    const tensors: Record<string, HostTensor> = {};
    for (const [name, { dtype, shape, role }] of Object.entries(this.plan.tensors)) {
      if (role === "workspace") continue;
      const tensor = hostTensor(name, role === "constant" ? this.plan.constants[name] : bindings[name]);
      if (!sameShape(tensor.shape, shape))
        throw new RangeError(`${name} must have shape [${shape.join(", ")}], got [${tensor.shape.join(", ")}]`);
      if (tensor.dtype !== dtype) throw new TypeError(`${name} must be ${dtype}, got ${tensor.dtype}`);
      tensors[name] = tensor;
    }
    return tensors;
  }
}
