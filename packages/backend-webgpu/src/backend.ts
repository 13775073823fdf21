import {
  type Plan as AttentionPlan,
  type Backend,
  type Capabilities,
  lowerPolicy,
  type RunContext,
  type Step,
  unsupportedReason,
} from "@spaattn/attention";
import {
  type ByteSource,
  byteLength,
  type CompileOptions,
  type DType,
  type HostTensor,
  type Operations,
  type Plan,
  type Device as PlanDevice,
  type PlanOperation,
  type PlanValue,
  type Program,
  SpaAttnError,
  type Tensor,
} from "@spaattn/core";
import { compileCommands } from "./compile.js";
import type { Device } from "./device.js";
import { WebGpuElementwise } from "./elementwise.js";
import { unsupportedOperation } from "./network/supported.js";
import { WebGpuProgram } from "./program.js";
import { expandAttention, planOfStep, planOfSteps } from "./steps.js";
import { GpuTensor, type WrapSpec, wrapBuffer } from "./tensor.js";
import { copyTensor, writeTensor } from "./transfer.js";
import { maxBlocks } from "./wgsl/select.js";

const USAGE = () => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;

type Roles = object;

/** A `GPUDevice` that runs attention and whole networks. */
export class WebGpuBackend implements Backend, PlanDevice {
  readonly name = "webgpu";
  readonly capabilities: Capabilities;
  readonly elementwise: WebGpuElementwise;
  #disposed = false;

  constructor(readonly device: Device) {
    const { limits } = device;
    this.capabilities = {
      dtypes: ["f32", "f16", "bf16"],
      accumulate: "f32",
      headDims: { multipleOf: 8, max: 128 },
      blockSizes: [64, 128],
      strata: ["local", "eigen", "contiguous"],
      encode: true,
      maxTokens: (maxBlocks(limits) - 1) * 128,
      maxTensorBytes: limits.maxBufferSize,
    };
    this.elementwise = new WebGpuElementwise(this);
  }

  /** The device everything runs on: yours, when you gave one. */
  get gpuDevice(): GPUDevice {
    return this.device.gpu;
  }

  allocate(dtype: DType, shape: readonly number[]): GpuTensor {
    this.#alive();
    const spec = { dtype, shape };
    const buffer = this.device.memory.create(`tensor ${dtype} [${shape.join(", ")}]`, byteLength(spec), USAGE());
    return new GpuTensor(this.device, buffer, spec, 0, true);
  }

  upload(tensor: HostTensor): GpuTensor {
    this.#alive();
    const { dtype, shape, data } = tensor;
    const label = `tensor ${dtype} [${shape.join(", ")}]`;
    const buffer = this.device.memory.create(label, byteLength(tensor), USAGE(), data);
    return new GpuTensor(this.device, buffer, { dtype, shape }, 0, true);
  }

  /** A tensor over a buffer of yours: not copied, never destroyed. */
  wrap(buffer: GPUBuffer, spec: WrapSpec): GpuTensor {
    this.#alive();
    return wrapBuffer(this.device, buffer, spec);
  }

  async write(tensor: Tensor, source: ByteSource): Promise<void> {
    this.#alive();
    await writeTensor(this.#own("tensor", tensor), source);
  }

  async copy(from: Tensor, to: Tensor): Promise<void> {
    this.#alive();
    await copyTensor(this.#own("from", from), this.#own("to", to));
  }

  owns(tensor: Tensor): boolean {
    return tensor instanceof GpuTensor && tensor.device === this.device;
  }

  unsupported(plan: Plan, index: number): string | undefined {
    const operation = plan.operations[index];
    if (operation.op !== "attention") return unsupportedOperation(plan, operation);
    const { spec } = operation.attrs as Operations["attention"];
    const { geometry, behaviour, rectify, layout, dense, policy } = spec;
    if (!dense && lowerPolicy(policy, { geometry, behaviour, rectify, ...(layout ? { layout } : {}) }).host)
      return "a host policy, which needs a read-back";
    return unsupportedReason(this.capabilities, spec);
  }

  async compile(plan: Plan, options: CompileOptions = {}): Promise<Program> {
    this.#alive();
    plan.operations.forEach((operation, i) => {
      const reason = this.unsupported(plan, i);
      if (reason !== undefined) throw unsupportedError(operation, i, reason);
    });
    // Pages that want attention alone do not load the operations of networks.
    const { lowerOperation } = await import("./network/table.js");
    const expanded = expandAttention(plan);
    const compiled = compileCommands(this.device, expanded, options, lowerOperation);
    return WebGpuProgram.prepare(this.device, expanded, compiled);
  }

  async prepare(plan: AttentionPlan): Promise<Program> {
    this.#alive();
    const steps = planOfSteps(plan);
    return WebGpuProgram.prepare(this.device, steps, compileCommands(this.device, steps));
  }

  permute = this.#primitive;
  pool = this.#primitive;
  summarize = this.#primitive;
  estimate = this.#primitive;
  attend = this.#primitive;

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.elementwise.dispose();
    this.device.dispose();
  }

  /** One step on its own: compiled, recorded into `context.target` or submitted, and forgotten. */
  async #primitive(step: Step, inputs: Roles, outputs: Roles, context: RunContext): Promise<void> {
    this.#alive();
    const attrs = { step, geometry: context.geometry };
    const plan = planOfStep(attrs, valuesOf(inputs, "input"), valuesOf(outputs, "output"));
    const tensors = { ...inputs, ...outputs } as Record<string, GpuTensor>;
    const program = await WebGpuProgram.prepare(this.device, plan, compileCommands(this.device, plan));
    try {
      if (context.target) program.encode(context.target, tensors);
      else await program.run(tensors, context);
    } finally {
      program.dispose();
    }
  }

  #own(name: string, tensor: Tensor): GpuTensor {
    if (!(tensor instanceof GpuTensor) || tensor.device !== this.device)
      throw new TypeError(`${name} must be a tensor of this device (use its upload() or wrap())`);
    if (tensor.disposed)
      throw new SpaAttnError("Disposed", `${name} has been disposed.`, { remedy: "Keep it until its last use." });
    return tensor;
  }

  #alive(): void {
    if (this.#disposed)
      throw new SpaAttnError("Disposed", "This backend has been disposed.", { remedy: "Create it again." });
    this.device.assertAlive();
  }
}

const unsupportedError = ({ op }: PlanOperation, index: number, reason: string) =>
  new SpaAttnError("Unsupported", `Backend "webgpu" cannot run operation ${index}, "${op}": ${reason}.`, {
    remedy: "Change the plan, or use another backend.",
  });

function valuesOf(roles: Roles, role: "input" | "output"): Record<string, PlanValue> {
  const given = Object.entries(roles as Record<string, GpuTensor | undefined>);
  return Object.fromEntries(
    given.flatMap(([name, tensor]) => (tensor ? [[name, { dtype: tensor.dtype, shape: tensor.shape, role }]] : [])),
  );
}
