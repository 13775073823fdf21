import {
  type Bindings,
  boundNames,
  type HostTensor,
  type OperationDescription,
  type Plan,
  type Program,
  type ProgramRunOptions,
  type RunReport,
  SpaAttnError,
  sameShape,
} from "@spaattn/core";
import type { Compiled } from "./compile.js";
import type { Device } from "./device.js";
import { type GpuBindings, ProgramMemory, uploadConstants } from "./program-memory.js";
import { Recording } from "./recording.js";
import { RunQueue } from "./run-queue.js";
import { Runner } from "./runner.js";
import { GpuTensor } from "./tensor.js";

/** A plan with its kernels compiled, its parameters written and its memory allocated. */
export class WebGpuProgram implements Program {
  readonly #queue = new RunQueue();
  readonly #runner: Runner;
  /** Memory of recordings, once there is one. */
  #recorded: ProgramMemory | undefined;
  #disposed = false;

  private constructor(
    readonly device: Device,
    readonly plan: Plan,
    readonly compiled: Compiled,
    readonly recording: Recording,
    readonly constants: ReadonlyMap<string, GPUBuffer>,
    readonly memory: ProgramMemory,
  ) {
    this.#runner = new Runner(device, recording, compiled);
  }

  static async prepare(device: Device, plan: Plan, compiled: Compiled): Promise<WebGpuProgram> {
    const recording = await Recording.prepare(device, compiled.commands);
    let constants = new Map<string, GPUBuffer>();
    let memory: ProgramMemory | undefined;
    try {
      constants = uploadConstants(device, usedConstants(compiled));
      memory = new ProgramMemory(device, compiled.placement, constants);
      await device.memory.settled();
      return new WebGpuProgram(device, plan, compiled, recording, constants, memory);
    } catch (error) {
      recording.dispose();
      memory?.dispose();
      for (const buffer of constants.values()) device.memory.destroy(buffer);
      device.assertAlive();
      throw error;
    }
  }

  async run(bindings: Bindings, options: ProgramRunOptions = {}): Promise<RunReport> {
    this.#alive();
    const { signal, onProgress, weightsOf } = options;
    let tensors = this.#check(bindings, weightsOf !== undefined);
    const { segments } = this.compiled.placement;
    return this.#queue.add(() =>
      this.#runner.run({
        groups: this.memory.groups,
        resolve: () => this.memory.resolve(tensors),
        check: () => {
          this.#alive();
          for (const [name, tensor] of Object.entries(tensors)) assertUsable(name, tensor);
        },
        ...(weightsOf
          ? {
              beforeSegment: async (i: number) => {
                const { name, weights } = segments[i];
                tensors = { ...tensors, ...this.#checkAll(await weightsOf(name, weights)) };
              },
            }
          : {}),
        signal,
        onProgress,
      }),
    );
  }

  encode(target: unknown, bindings: Bindings): void {
    this.#alive();
    const tensors = this.#check(bindings, false);
    this.#recorded ??= new ProgramMemory(this.device, this.compiled.placement, this.constants);
    const { groups } = this.#recorded;
    const resolve = this.#recorded.resolve(tensors);
    recordInto(target, (pass) => this.recording.record(pass, groups, resolve));
  }

  describe(): readonly OperationDescription[] {
    return this.compiled.lowered.map(({ kernel, reason }, i) => {
      return { op: this.compiled.placement.operations[i].op, kernel, reason };
    });
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.memory.dispose();
    // What recordings refer to must outlive their submission.
    this.#recorded?.leave();
    if (this.#recorded) this.recording.leave();
    else this.recording.dispose();
    for (const buffer of this.constants.values())
      if (this.#recorded) this.device.memory.leave(buffer);
      else this.device.memory.destroy(buffer);
  }

  /** All tensors a run needs, checked; without `weights` those may come later. */
  #check(bindings: Bindings, weightsLater: boolean): GpuBindings {
    const names = boundNames(this.plan).filter(
      (name) => bindings[name] !== undefined || !(weightsLater && this.plan.values[name].role === "weight"),
    );
    return this.#checkAll(Object.fromEntries(names.map((name) => [name, bindings[name]])));
  }

  #checkAll(bindings: Bindings): GpuBindings {
    const checked: Record<string, GpuTensor> = {};
    for (const [name, tensor] of Object.entries(bindings)) {
      const { dtype, shape } = this.plan.values[name] ?? {};
      if (!tensor) throw new TypeError(`io.${name} is missing`);
      if (!dtype) throw new TypeError(`io.${name} is no tensor of this plan`);
      if (!(tensor instanceof GpuTensor) || tensor.device !== this.device)
        throw new TypeError(`io.${name} must be a tensor of this device (use its upload() or wrap())`);
      assertUsable(name, tensor);
      if (!sameShape(tensor.shape, shape))
        throw new RangeError(`io.${name} must have shape [${shape.join(", ")}], got [${tensor.shape.join(", ")}]`);
      if (tensor.dtype !== dtype) throw new TypeError(`io.${name} must be ${dtype}, got ${tensor.dtype}`);
      checked[name] = tensor;
    }
    return checked;
  }

  #alive(): void {
    this.device.assertAlive();
    if (this.#disposed)
      throw new SpaAttnError("Disposed", "This program has been disposed.", { remedy: "Compile the plan again." });
  }
}

function assertUsable(name: string, tensor: GpuTensor): void {
  if (tensor.disposed)
    throw new SpaAttnError("Disposed", `io.${name} has been disposed.`, { remedy: "Keep it until the run is over." });
}

function usedConstants({ commands, constants }: Compiled): Record<string, HostTensor> {
  const used = new Set(commands.flatMap(({ operands }) => operands.map(({ tensor }) => tensor)));
  return Object.fromEntries(Object.entries(constants).filter(([name]) => used.has(name)));
}

/** Calls `record` with a pass: the caller's, or a new one of the caller's encoder. */
function recordInto(target: unknown, record: (pass: GPUComputePassEncoder) => void): void {
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
