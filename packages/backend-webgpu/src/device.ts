import { SpaAttnError } from "@spaattn/core";
import { type MatrixSupport, matrixSupport } from "./matrix.js";
import { Memory } from "./memory.js";
import type { WebGpuOptions } from "./options.js";
import { Pipelines } from "./pipelines.js";

const GIGA = 1e9;

/** What the rest of the backend needs to know about a `GPUDevice`, and the one place that notices its loss. */
export class Device {
  readonly memory: Memory;
  readonly pipelines: Pipelines;
  readonly limits: GPUSupportedLimits;
  readonly hasF16: boolean;
  readonly hasTimestamps: boolean;
  /** True for a software rasteriser: kernels are generated without unrolling, which these compile slowly. */
  readonly software: boolean;
  readonly maxDispatchFlops: number;
  #lost: GPUDeviceLostInfo | undefined;

  private constructor(
    readonly gpu: GPUDevice,
    readonly owned: boolean,
    readonly matrix: MatrixSupport,
    options: WebGpuOptions,
  ) {
    this.memory = new Memory(gpu);
    this.limits = gpu.limits;
    this.hasF16 = gpu.features.has("shader-f16");
    this.hasTimestamps = gpu.features.has("timestamp-query");
    this.software = isSoftware(gpu.adapterInfo);
    this.pipelines = new Pipelines(gpu, this.software);
    this.maxDispatchFlops = options.maxDispatchFlops ?? defaultDispatchFlops(gpu.adapterInfo, this.software);
    void gpu.lost.then((info) => {
      this.#lost = info;
    });
  }

  static async open(gpu: GPUDevice, owned: boolean, options: WebGpuOptions): Promise<Device> {
    return new Device(gpu, owned, await matrixSupport(gpu), options);
  }

  get label(): string {
    const { vendor, architecture, device, description } = this.gpu.adapterInfo ?? {};
    return description || [vendor, architecture, device].filter(Boolean).join(" ") || "WebGPU device";
  }

  /** Throws `DeviceLost` once the device is gone. */
  assertAlive(): void {
    if (!this.#lost) return;
    throw new SpaAttnError("DeviceLost", `The GPU device was lost: ${this.#lost.message || this.#lost.reason}.`, {
      remedy: "Create a new device and a new backend; long runs can be split with maxDispatchFlops.",
    });
  }

  /** Waits for all submitted work; rejects with `DeviceLost` or `OutOfMemory`. */
  async finished(): Promise<void> {
    this.assertAlive();
    await this.gpu.queue.onSubmittedWorkDone().catch(() => undefined);
    await this.#noticeLoss();
    await this.memory.settled();
  }

  /** Copies bytes of a buffer to the host. */
  async readBack(buffer: GPUBuffer, offset: number, bytes: number): Promise<ArrayBuffer> {
    this.assertAlive();
    await this.memory.settled();
    const size = Math.ceil(bytes / 4) * 4;
    const staging = this.memory.create("read-back", size, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
    try {
      const encoder = this.gpu.createCommandEncoder({ label: "spaattn.read" });
      encoder.copyBufferToBuffer(buffer, offset, staging, 0, size);
      this.gpu.queue.submit([encoder.finish()]);
      await staging.mapAsync(GPUMapMode.READ, 0, size);
      const copy = staging.getMappedRange(0, size).slice(0, bytes);
      staging.unmap();
      await this.memory.settled();
      return copy;
    } catch (cause) {
      await this.#noticeLoss();
      throw cause;
    } finally {
      this.memory.destroy(staging);
    }
  }

  dispose(): void {
    if (this.owned) this.gpu.destroy();
  }

  /** The promise of the loss may settle a turn after the failure it causes. */
  async #noticeLoss(): Promise<void> {
    await Promise.race([this.gpu.lost, new Promise((resolve) => setTimeout(resolve, 0))]);
    this.assertAlive();
  }
}

const isSoftware = (info: GPUAdapterInfo | undefined): boolean =>
  info?.isFallbackAdapter === true ||
  /llvmpipe|lavapipe|swiftshader|software|basic render/i.test(
    `${info?.vendor} ${info?.architecture} ${info?.device} ${info?.description}`,
  );

/** Half a second of the slowest device of a kind: software 20 GFLOP/s, integrated 250, discrete 2000. */
function defaultDispatchFlops(info: GPUAdapterInfo | undefined, software: boolean): number {
  if (software) return 10 * GIGA;
  return info?.vendor === "nvidia" ? 1000 * GIGA : 125 * GIGA;
}
