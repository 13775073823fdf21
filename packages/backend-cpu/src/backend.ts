import {
  type AttendInputs,
  type AttendOutputs,
  type AttendStep,
  type Backend,
  type Capabilities,
  type EstimateInputs,
  type EstimateOutputs,
  type EstimateStep,
  hostElementwise,
  interpret,
  type PermuteInputs,
  type PermuteOutputs,
  type PermuteStep,
  type Plan,
  type PoolInputs,
  type PoolOutputs,
  type PoolStep,
  type Program,
  type RunContext,
  type Step,
  type SummarizeInputs,
  type SummarizeOutputs,
  type SummarizeStep,
} from "@spaattn/attention";
import {
  type allocateArray,
  byteLength,
  type DType,
  type FloatDType,
  HostTensor,
  isHostTensor,
  type Tensor,
  throwIfAborted,
} from "@spaattn/core";
import { CAPABILITIES, WITH_LEVELS } from "./capabilities.js";
import { checkTensors, hostTensor } from "./check.js";
import { disposedError, outOfMemory } from "./errors.js";
import { fuse } from "./fuse.js";
import { levelsParameters } from "./levels/parameters.js";
import { LevelsProgram } from "./levels/program.js";
import { permuteTokens } from "./permute.js";
import { FusedProgram } from "./program.js";
import type { Runtime } from "./runtime.js";
import { compileWork } from "./work.js";

type Roles = Readonly<Record<string, Tensor | undefined>>;

/** Attention in WASM SIMD on host tensors; see `CpuOptions`. */
export class CpuBackend implements Backend {
  readonly name = "cpu";
  readonly capabilities: Capabilities;
  readonly elementwise = hostElementwise;

  constructor(readonly runtime: Runtime) {
    this.capabilities = runtime.kernel === "plain" ? CAPABILITIES : { ...CAPABILITIES, rectify: WITH_LEVELS };
  }

  allocate(dtype: DType, shape: readonly number[]): HostTensor {
    this.#alive();
    try {
      return new HostTensor(dtype, shape);
    } catch (cause) {
      // An array that is too long is a RangeError of the engine; a bad shape is one of ours and names it.
      if (!(cause instanceof RangeError) || cause.message.startsWith("shape[")) throw cause;
      throw outOfMemory(byteLength({ dtype, shape }), cause);
    }
  }

  upload(tensor: HostTensor): HostTensor {
    const copy = this.allocate(tensor.dtype, tensor.shape);
    (copy.data as ReturnType<typeof allocateArray>).set(tensor.data as never);
    return copy;
  }

  owns(tensor: Tensor): boolean {
    return isHostTensor(tensor);
  }

  async prepare(plan: Plan): Promise<Program> {
    this.#alive();
    const levels = levelsParameters(plan);
    if (levels) return new LevelsProgram(this.runtime, plan, levels);
    const fused = fuse(plan);
    if (!fused) return interpret(this, plan);
    return new FusedProgram(this.runtime, plan, fused);
  }

  permute(_step: PermuteStep, inputs: PermuteInputs, outputs: PermuteOutputs, context: RunContext): void {
    this.#alive();
    throwIfAborted(context.signal);
    const tensor = (name: string, value: Tensor) => hostTensor(name, value);
    permuteTokens(
      tensor("inputs.source", inputs.source),
      tensor("inputs.order", inputs.order),
      tensor("outputs.tokens", outputs.tokens),
    );
  }

  pool(step: PoolStep, inputs: PoolInputs, outputs: PoolOutputs, context: RunContext): Promise<void> {
    return this.#primitive(step, { ...inputs }, { ...outputs }, context);
  }

  summarize(
    step: SummarizeStep,
    inputs: SummarizeInputs,
    outputs: SummarizeOutputs,
    context: RunContext,
  ): Promise<void> {
    return this.#primitive(step, { ...inputs }, { ...outputs }, context);
  }

  estimate(step: EstimateStep, inputs: EstimateInputs, outputs: EstimateOutputs, context: RunContext): Promise<void> {
    return this.#primitive(step, { ...inputs }, { ...outputs }, context);
  }

  attend(step: AttendStep, inputs: AttendInputs, outputs: AttendOutputs, context: RunContext): Promise<void> {
    return this.#primitive(step, { ...inputs }, { ...outputs }, context);
  }

  dispose(): void {
    this.runtime.dispose();
  }

  /** A primitive is a plan of one step whose tensors are all the caller's. */
  async #primitive(step: Step, inputs: Roles, outputs: Roles, context: RunContext): Promise<void> {
    this.#alive();
    const name = (prefix: string, roles: Roles) =>
      Object.fromEntries(
        Object.entries(roles)
          .filter(([, tensor]) => tensor !== undefined)
          .map(([role]) => [role, `${prefix}.${role}`]),
      );
    const dtype = ((inputs.query ?? inputs.key)?.dtype ?? "f32") as FloatDType;
    const work = compileWork({
      geometry: context.geometry,
      dtype,
      outputDtype: (outputs.output?.dtype ?? dtype) as FloatDType,
      steps: [{ step, in: name("inputs", inputs), out: name("outputs", outputs) }],
      wanted: () => true,
    });
    const named = (prefix: string, roles: Roles) =>
      Object.entries(roles).map(([role, tensor]) => [`${prefix}.${role}`, tensor] as const);
    const tensors = checkTensors(work, Object.fromEntries([...named("inputs", inputs), ...named("outputs", outputs)]));
    await this.runtime.execute(work, tensors, context);
  }

  #alive(): void {
    if (this.runtime.disposed) throw disposedError();
  }
}
