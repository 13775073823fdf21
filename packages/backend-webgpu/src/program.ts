import {
  allocateHeld,
  type Bindings,
  type Plan,
  type PlanStep,
  type Program,
  type RunOptions,
  type RunReport,
  type StepDescription,
} from "@spaattn/attention";
import { SpaAttnError } from "@spaattn/core";
import type { WebGpuBackend } from "./backend.js";
import { lower } from "./lower.js";
import { Recording, type Resolve, Scratch } from "./recording.js";
import { Runner } from "./runner.js";
import type { GpuTensor } from "./tensor.js";

/** A plan with its kernels compiled and its memory allocated. */
export class WebGpuProgram implements Program {
  #disposed = false;

  private constructor(
    readonly backend: WebGpuBackend,
    readonly plan: Plan,
    readonly held: Bindings,
    readonly recordings: readonly Recording[],
    readonly scratch: Scratch,
  ) {}

  static async prepare(backend: WebGpuBackend, plan: Plan): Promise<WebGpuProgram> {
    const { device } = backend;
    const scratch = new Scratch();
    const lowerings = plan.steps.map((planned) => lower(device, plan.geometry, planned.step, shapesOf(plan, planned)));
    const recordings: Recording[] = [];
    let held: Bindings = {};
    try {
      // One after the other: reservations must be made in order, and pipelines still compile side by side within a step.
      for (const lowering of lowerings) recordings.push(await Recording.prepare(device, lowering, scratch));
      held = allocateHeld(backend, plan);
      scratch.allocate(device);
      await device.memory.settled();
    } catch (error) {
      for (const recording of recordings) recording.dispose();
      for (const tensor of Object.values(held)) tensor.dispose();
      scratch.dispose(device);
      device.assertAlive();
      throw error;
    }
    return new WebGpuProgram(backend, plan, held, recordings, scratch);
  }

  async run(bindings: Bindings, options: RunOptions = {}): Promise<RunReport> {
    this.#alive();
    const tensors = { ...this.held, ...bindings };
    const resolves = this.plan.steps.map((planned) => resolver(planned, tensors));
    return new Runner(this.backend.device, this.recordings, resolves).run(options);
  }

  encode(target: unknown, bindings: Bindings): void {
    this.#alive();
    const tensors = { ...this.held, ...bindings };
    recordInto(target, (pass) => {
      this.recordings.forEach((recording, i) => {
        recording.record(pass, resolver(this.plan.steps[i], tensors));
      });
    });
  }

  describe(): readonly StepDescription[] {
    return this.recordings.map(({ lowering: { op, kernel, reason } }) => ({ op, kernel, reason }));
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const recording of this.recordings) recording.dispose();
    for (const tensor of Object.values(this.held)) tensor.dispose();
    this.scratch.dispose(this.backend.device);
  }

  #alive(): void {
    this.backend.device.assertAlive();
    if (this.#disposed)
      throw new SpaAttnError("Disposed", "This program has been disposed.", { remedy: "Prepare the plan again." });
  }
}

/** Calls `record` with a pass: the caller's, or a new one of the caller's encoder. */
export function recordInto(target: unknown, record: (pass: GPUComputePassEncoder) => void): void {
  if (isPass(target)) {
    record(target);
    return;
  }
  if (typeof (target as GPUCommandEncoder)?.beginComputePass !== "function")
    throw new TypeError("target must be a GPUCommandEncoder or a GPUComputePassEncoder");
  const pass = (target as GPUCommandEncoder).beginComputePass({ label: "spaattn" });
  try {
    record(pass);
  } finally {
    pass.end();
  }
}

const isPass = (target: unknown): target is GPUComputePassEncoder =>
  typeof (target as GPUComputePassEncoder)?.dispatchWorkgroups === "function";

const rolesOf = (planned: PlanStep): Readonly<Record<string, string>> => ({ ...planned.in, ...planned.out });

const shapesOf = (plan: Plan, planned: PlanStep) =>
  Object.fromEntries(Object.entries(rolesOf(planned)).map(([role, name]) => [role, plan.tensors[name]]));

function resolver(planned: PlanStep, tensors: Bindings): Resolve {
  const roles = rolesOf(planned);
  return (role) => tensors[roles[role]] as GpuTensor;
}
