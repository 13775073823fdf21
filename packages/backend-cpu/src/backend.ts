import {
  type AttendInputs,
  type AttendOutputs,
  type AttendStep,
  type Backend,
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
  type ByteSource,
  byteLength,
  type CompileOptions,
  type Device,
  type DType,
  elementCount,
  exactly,
  type FloatDType,
  HostTensor,
  isHostTensor,
  type Plan as NetworkPlan,
  type Program as NetworkProgram,
  SpaAttnError,
  type Tensor,
  type TypedArray,
  throwIfAborted,
} from "@spaattn/core";
import { CAPABILITIES } from "./capabilities.js";
import { checkTensors, hostTensor } from "./check.js";
import type { NetworkCrew } from "./crew/crew.js";
import { disposedError, outOfMemory } from "./errors.js";
import { fuse } from "./fuse.js";
import { levelsParameters } from "./levels/parameters.js";
import { LevelsProgram } from "./levels/program.js";
import { permuteTokens } from "./permute.js";
import { FusedProgram } from "./program.js";
import type { Runtime } from "./runtime.js";
import { unsupportedOperation } from "./unsupported.js";
import { compileWork } from "./work.js";

type Roles = Readonly<Record<string, Tensor | undefined>>;

const bytesOf = (tensor: HostTensor): Uint8Array => {
  const { buffer, byteOffset, byteLength: length } = tensor.data as TypedArray;
  return new Uint8Array(buffer, byteOffset, length);
};

/** Attention and networks in WASM SIMD on host tensors; see `CpuOptions`. */
export class CpuBackend implements Backend, Device {
  readonly name = "cpu";
  readonly capabilities = CAPABILITIES;
  readonly elementwise = hostElementwise;

  constructor(readonly runtime: Runtime) {}

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

  async write(tensor: Tensor, source: ByteSource): Promise<void> {
    this.#alive();
    const target = hostTensor("tensor", tensor);
    const bytes = bytesOf(target);
    for await (const { at, piece } of exactly(target, bytes.length, source)) bytes.set(piece, at);
    await this.#forget(target);
  }

  async copy(from: Tensor, to: Tensor): Promise<void> {
    this.#alive();
    const [source, target] = [hostTensor("from", from), hostTensor("to", to)];
    if (source.dtype !== target.dtype || elementCount(source.shape) !== elementCount(target.shape))
      throw new RangeError(
        `from and to must have the same dtype and number of elements, got ${source.dtype} [${source.shape.join(", ")}] and ${target.dtype} [${target.shape.join(", ")}]`,
      );
    bytesOf(target).set(bytesOf(source));
    await this.#forget(target);
  }

  unsupported(plan: NetworkPlan, index: number): string | undefined {
    return unsupportedOperation(plan, index);
  }

  async compile(plan: NetworkPlan, options: CompileOptions = {}): Promise<NetworkProgram> {
    this.#alive();
    plan.operations.forEach(({ op }, index) => {
      const reason = this.unsupported(plan, index);
      if (reason === undefined) return;
      throw new SpaAttnError("Unsupported", `The cpu backend cannot run operation ${index} (${op}): ${reason}.`, {
        remedy: "Use another dtype or another backend for this plan.",
      });
    });
    const { NetworkProgram: Network } = await this.#networks();
    return new Network(this.runtime, plan, options.memoryLimit);
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

  /** Pages that want attention alone do not load what networks need. */
  #networks() {
    this.#network ??= import("./network/program.js");
    return this.#network;
  }
  #network: Promise<typeof import("./network/program.js")> | undefined;

  /** A tensor's contents change: copies of it in the kernels' memory are stale. */
  async #forget(tensor: HostTensor): Promise<void> {
    if (!this.#network) return;
    const { weightsIn } = await this.#network;
    const crew: NetworkCrew = await this.runtime.networkCrew();
    await this.runtime.turn(undefined, async () => weightsIn(crew).forget(tensor));
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
