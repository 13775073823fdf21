import type { Backend, Capabilities, Elementwise, Plan, Program, RunContext, Step } from "@spaattn/attention";
import { byteLength, type DType, type HostTensor, SpaAttnError, type Tensor } from "@spaattn/core";
import type { Device } from "./device.js";
import { WebGpuElementwise } from "./elementwise.js";
import { lower } from "./lower.js";
import { recordInto, WebGpuProgram } from "./program.js";
import { Recording, Scratch } from "./recording.js";
import { Runner } from "./runner.js";
import { GpuTensor, type WrapSpec, wrapBuffer } from "./tensor.js";
import { maxBlocks } from "./wgsl/select.js";

const USAGE = () => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;

type Roles = object;

/** A `GPUDevice` that runs attention. */
export class WebGpuBackend implements Backend {
  readonly name = "webgpu";
  readonly capabilities: Capabilities;
  readonly elementwise: Elementwise;
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

  owns(tensor: Tensor): boolean {
    return tensor instanceof GpuTensor && tensor.device === this.device;
  }

  async prepare(plan: Plan): Promise<Program> {
    this.#alive();
    return WebGpuProgram.prepare(this, plan);
  }

  permute = this.#primitive;
  pool = this.#primitive;
  summarize = this.#primitive;
  estimate = this.#primitive;
  attend = this.#primitive;

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.device.dispose();
  }

  /** One step on its own: compiled, recorded into `context.target` or submitted, and forgotten. */
  async #primitive(step: Step, inputs: Roles, outputs: Roles, context: RunContext): Promise<void> {
    this.#alive();
    const tensors = { ...inputs, ...outputs } as Record<string, GpuTensor>;
    const scratch = new Scratch();
    const lowering = lower(this.device, context.geometry, step, tensors);
    const recording = await Recording.prepare(this.device, lowering, scratch);
    try {
      scratch.allocate(this.device);
      const resolve = (role: string) => tensors[role];
      if (context.target) recordInto(context.target, (pass) => recording.record(pass, resolve));
      else await new Runner(this.device, [recording], [resolve]).run(context);
    } finally {
      // Memory that the caller's encoder refers to must outlive its submission.
      if (context.target) {
        recording.leave();
        scratch.leave(this.device);
      } else {
        recording.dispose();
        scratch.dispose(this.device);
      }
    }
  }

  #alive(): void {
    if (this.#disposed)
      throw new SpaAttnError("Disposed", "This backend has been disposed.", { remedy: "Create it again." });
    this.device.assertAlive();
  }
}
