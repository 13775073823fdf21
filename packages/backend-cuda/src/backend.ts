import type {
  AttendInputs,
  AttendOutputs,
  AttendStep,
  Backend,
  Capabilities,
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
import { byteLength, type DType, type FloatDType, type HostTensor, isDType, type Tensor } from "@spaattn/core";
import type { CudaDevice } from "./device.js";
import { dispatchStep } from "./dispatch.js";
import type { Handle } from "./driver/driver.js";
import { CudaElementwise } from "./elementwise.js";
import { bytesPerHead } from "./layout.js";
import { CudaProgram } from "./program.js";
import { NamedScratch } from "./scratch.js";
import { Site, type Views } from "./site.js";
import { CudaTensor } from "./tensor.js";

const CAPABILITIES: Capabilities = {
  dtypes: ["bf16", "f16"],
  accumulate: "f32",
  headDims: [64, 128],
  blockSizes: [128],
  strata: ["local", "eigen", "contiguous"],
  encode: true,
  // The selection keeps two rows of block scores per warp in shared memory.
  maxTokens: 786_432,
};

type TensorsByRole = Readonly<Record<string, Tensor | undefined>>;

/** A CUDA device as a backend. */
export class CudaBackend implements Backend {
  readonly name = "cuda";
  readonly capabilities = CAPABILITIES;
  readonly elementwise: CudaElementwise;
  readonly #scratch: NamedScratch;

  constructor(readonly device: CudaDevice) {
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
    if (!isDType(dtype)) throw new TypeError(`dtype must be one of f32, f16, bf16, i32, u16, u8, got ${String(dtype)}`);
    if (pointer % 16n !== 0n) throw new RangeError(`pointer 0x${pointer.toString(16)} is not aligned to 16 bytes`);
    if (pointer <= 0n || !this.device.enter().isDevicePointer(pointer))
      throw new TypeError(`pointer 0x${pointer.toString(16)} is not device memory of this process`);
    return new CudaTensor(this.device, dtype, shape, pointer, false);
  }

  owns(tensor: Tensor): boolean {
    return tensor instanceof CudaTensor && tensor.device === this.device;
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
    this.device.dispose();
  }

  #run(
    step: Step,
    inputs: TensorsByRole,
    outputs: TensorsByRole,
    context: RunContext,
    dtype: DType,
    out = dtype,
  ): void {
    this.device.enter();
    const { geometry, target } = context;
    const stream = typeof target === "bigint" ? target : this.device.stream;
    const all = geometry.batch * geometry.heads;
    const types = [dtype as FloatDType, out as FloatDType] as const;
    const site = new Site(this.device, geometry, ...types, 0, all, stream, this.#scratch, false);
    dispatchStep(site, step, this.#views(inputs, context), this.#views(outputs, context));
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
