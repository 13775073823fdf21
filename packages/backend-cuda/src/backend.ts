import type {
  AttendInputs,
  AttendOutputs,
  AttendStep,
  Backend,
  EstimateInputs,
  EstimateOutputs,
  EstimateStep,
  PermuteInputs,
  PermuteOutputs,
  PermuteStep,
  Plan,
  PoolInputs,
  PoolOutputs,
  PoolStep,
  Program,
  RunContext,
  Step,
  SummarizeInputs,
  SummarizeOutputs,
  SummarizeStep,
} from "@spaattn/attention";
import {
  type ByteSource,
  byteLength,
  type Device,
  DTYPES,
  type DType,
  elementCount,
  exactly,
  type FloatDType,
  type HostTensor,
  isDType,
  type Plan as NetworkPlan,
  type Tensor,
} from "@spaattn/core";
import { CAPABILITIES } from "./capabilities.js";
import type { CudaDevice } from "./device.js";
import { dispatchStep } from "./dispatch.js";
import type { Handle } from "./driver/driver.js";
import { CudaElementwise } from "./elementwise.js";
import { bytesPerHead } from "./layout.js";
import type { Blas, Chip } from "./network/call.js";
import { type CudaCompileOptions, compilePlan, unsupportedOperation } from "./network/compile.js";
import type { NetworkProgram } from "./network/program.js";
import { CudaProgram } from "./program.js";
import { NamedScratch } from "./scratch.js";
import { Site, type Views } from "./site.js";
import { Turn } from "./streams.js";
import { CudaTensor } from "./tensor.js";

type TensorsByRole = Readonly<Record<string, Tensor | undefined>>;

/** A CUDA device as a backend. */
export class CudaBackend implements Backend, Device {
  readonly name = "cuda";
  readonly capabilities = CAPABILITIES;
  readonly elementwise: CudaElementwise;
  readonly #scratch: NamedScratch;
  readonly #turn = new Turn();

  constructor(
    readonly device: CudaDevice,
    /** A library for matrix products, where one was found. */
    readonly blas?: Blas,
  ) {
    this.elementwise = new CudaElementwise(device);
    this.#scratch = new NamedScratch(device, 256);
  }

  /** The stream that `run` and the primitives use: a `CUstream`. */
  get stream(): Handle {
    return this.device.stream;
  }

  /** Bytes of device memory in use by tensors and programs, and held from the driver. */
  get memory(): { inUse: number; held: number } {
    return this.device.allocator.usage;
  }

  allocate(dtype: DType, shape: readonly number[]): CudaTensor {
    this.device.enter();
    const what = `a ${dtype} tensor [${shape.join(", ")}]`;
    return new CudaTensor(
      this.device,
      dtype,
      shape,
      this.device.allocator.allocate(byteLength({ dtype, shape }), what),
      true,
    );
  }

  upload(tensor: HostTensor): CudaTensor {
    const copy = this.allocate(tensor.dtype, tensor.shape);
    const { buffer, byteOffset, byteLength: size } = tensor.data;
    if (size > 0)
      this.device.driver.copyToDevice(copy.pointer, new Uint8Array(buffer, byteOffset, size), this.device.stream);
    return copy;
  }

  /**
   * A tensor over device memory of another library of this process (`torch.Tensor.data_ptr()`, say), which keeps owning it.
   *
   * @throws TypeError when the address is not device memory; RangeError when it is not aligned to 16 bytes.
   */
  wrap(pointer: Handle, dtype: DType, shape: readonly number[]): CudaTensor {
    if (typeof pointer !== "bigint") throw new TypeError(`pointer must be a bigint, got ${typeof pointer}`);
    if (!isDType(dtype)) throw new TypeError(`dtype must be one of ${DTYPES.join(", ")}, got ${String(dtype)}`);
    if (pointer % 16n !== 0n) throw new RangeError(`pointer 0x${pointer.toString(16)} is not aligned to 16 bytes`);
    if (pointer <= 0n || !this.device.enter().isDevicePointer(pointer))
      throw new TypeError(`pointer 0x${pointer.toString(16)} is not device memory of this process`);
    return new CudaTensor(this.device, dtype, shape, pointer, false);
  }

  owns(tensor: Tensor): boolean {
    return tensor instanceof CudaTensor && tensor.device === this.device;
  }

  async write(tensor: Tensor, source: ByteSource): Promise<void> {
    const target = this.#own(tensor, "tensor");
    const { device } = this;
    async function* placed() {
      for await (const { at, piece } of exactly(tensor, byteLength(tensor), source))
        yield { target: target.pointer + BigInt(at), piece };
    }
    await device.write(placed());
  }

  async copy(from: Tensor, to: Tensor): Promise<void> {
    const source = this.#own(from, "from");
    const target = this.#own(to, "to");
    if (from.dtype !== to.dtype || elementCount(from.shape) !== elementCount(to.shape))
      throw new RangeError(
        `to must be ${from.dtype} of ${elementCount(from.shape)} elements, got ${to.dtype} [${to.shape.join(", ")}]`,
      );
    const bytes = byteLength(from);
    if (bytes === 0) return;
    this.device.enter().copyOnDevice(target.pointer, source.pointer, bytes, this.device.stream);
    await this.device.finished(this.device.stream);
  }

  unsupported(plan: NetworkPlan, index: number): string | undefined {
    return unsupportedOperation(this.#chip, plan, index);
  }

  /** Makes a network's plan ready; `options.graph` captures whole runs into a CUDA graph. */
  async compile(plan: NetworkPlan, options: CudaCompileOptions = {}): Promise<NetworkProgram> {
    this.device.enter();
    return compilePlan(this.device, this.#chip, plan, options);
  }

  async prepare(plan: Plan): Promise<Program> {
    return new CudaProgram(this.device, plan);
  }

  permute(step: PermuteStep, inputs: PermuteInputs, outputs: PermuteOutputs, context: RunContext): void {
    this.#run(step, { ...inputs }, { ...outputs }, context, inputs.source.dtype);
  }
  pool(step: PoolStep, inputs: PoolInputs, outputs: PoolOutputs, context: RunContext): void {
    this.#run(step, { ...inputs }, { ...outputs }, context, inputs.query.dtype);
  }
  summarize(step: SummarizeStep, inputs: SummarizeInputs, outputs: SummarizeOutputs, context: RunContext): void {
    this.#run(step, { ...inputs }, { ...outputs }, context, inputs.key.dtype);
  }
  estimate(step: EstimateStep, inputs: EstimateInputs, outputs: EstimateOutputs, context: RunContext): void {
    this.#run(step, { ...inputs }, { ...outputs }, context, inputs.key.dtype);
  }
  attend(step: AttendStep, inputs: AttendInputs, outputs: AttendOutputs, context: RunContext): void {
    this.#run(step, { ...inputs }, { ...outputs }, context, inputs.query.dtype, outputs.output.dtype);
  }

  dispose(): void {
    this.#scratch.dispose();
    if (!this.device.disposed) {
      this.device.streams.forget(this.#turn);
      this.device.guard.within(() => this.blas?.dispose());
    }
    this.device.dispose();
  }

  #own(tensor: Tensor, what: string): CudaTensor {
    if (this.owns(tensor)) return tensor as CudaTensor;
    throw new TypeError(`${what} must be a tensor of this backend`);
  }

  get #chip(): Chip {
    const { capability, multiprocessors, sharedBytes } = this.device;
    return { capability, multiprocessors, sharedBytes, blas: this.blas };
  }

  #run(
    step: Step,
    inputs: TensorsByRole,
    outputs: TensorsByRole,
    context: RunContext,
    dtype: DType,
    out = dtype,
  ): void {
    const { geometry, target } = context;
    const stream = typeof target === "bigint" ? target : this.device.stream;
    const all = geometry.batch * geometry.heads;
    const types = [dtype as FloatDType, out as FloatDType] as const;
    const site = new Site(this.device.capability, geometry, ...types, 0, all, this.#scratch, (launch) =>
      this.device.launch(stream, launch),
    );
    this.device.submit(stream, this.#turn, () =>
      dispatchStep(site, step, this.#views(inputs, context), this.#views(outputs, context)),
    );
  }

  #views(tensors: TensorsByRole, { geometry: { batch, heads } }: RunContext): Views {
    const entries = Object.entries(tensors).map(([role, tensor]) => {
      if (!tensor) return [role, undefined];
      if (!this.owns(tensor)) throw new TypeError(`${role} must be a tensor of backend "cuda"`);
      const { pointer, dtype } = tensor as CudaTensor;
      return [role, { pointer, perHead: bytesPerHead(tensor, batch, heads), native: dtype === "u16" }];
    });
    return Object.fromEntries(entries);
  }
}
