import {
  arrayClass,
  byteLength,
  type DType,
  type HostArrays,
  HostTensor,
  SpaAttnError,
  type Tensor,
  type TensorSpec,
} from "@spaattn/core";
import type { Device } from "./device.js";

/** Where a tensor begins in a wrapped buffer. */
export interface WrapSpec extends TensorSpec {
  /** Bytes; a multiple of the device's `minStorageBufferOffsetAlignment` (256 unless you asked for less). */
  readonly offset?: number;
}

/** A tensor in a `GPUBuffer`: ours, or a window of the caller's. */
export class GpuTensor implements Tensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  #disposed = false;

  constructor(
    readonly device: Device,
    readonly buffer: GPUBuffer,
    spec: TensorSpec,
    readonly offset: number,
    readonly owned: boolean,
  ) {
    this.dtype = spec.dtype;
    this.shape = Object.freeze([...spec.shape]);
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  get bytes(): number {
    return byteLength(this);
  }

  async read(): Promise<HostTensor> {
    if (this.#disposed)
      throw new SpaAttnError("Disposed", "This tensor has been disposed.", { remedy: "Keep it until its last use." });
    if (!(this.buffer.usage & GPUBufferUsage.COPY_SRC))
      throw new TypeError("buffer.usage must include COPY_SRC for a wrapped tensor to be read");
    const raw = await this.device.readBack(this.buffer, this.offset, this.bytes);
    const Class = arrayClass(this.dtype);
    const data = new Class(raw, 0, this.bytes / Class.BYTES_PER_ELEMENT) as HostArrays[DType];
    return new HostTensor(this.dtype, this.shape, data);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    if (this.owned) this.device.memory.destroy(this.buffer);
  }

  toJSON(): TensorSpec {
    return { dtype: this.dtype, shape: this.shape };
  }
}

/**
 * A tensor over the caller's buffer.
 *
 * @throws TypeError or RangeError that names `buffer`, `offset`, `dtype` or `shape`.
 */
export function wrapBuffer(device: Device, buffer: GPUBuffer, spec: WrapSpec): GpuTensor {
  const { offset = 0, shape } = spec;
  if (!(buffer?.usage & GPUBufferUsage.STORAGE)) throw new TypeError("buffer.usage must include STORAGE");
  const alignment = device.limits.minStorageBufferOffsetAlignment;
  if (!Number.isSafeInteger(offset) || offset < 0 || offset % alignment !== 0)
    throw new RangeError(`offset must be a multiple of ${alignment} bytes (the device's alignment), got ${offset}`);
  // Checks dtype and shape in passing; nothing is allocated for an empty data array of the right class.
  const checked = new HostTensor(spec.dtype, [0]);
  shape.forEach((size, i) => {
    if (!Number.isSafeInteger(size) || size < 1)
      throw new RangeError(`shape[${i}] must be a positive integer, got ${size}`);
  });
  const bytes = byteLength({ dtype: checked.dtype, shape });
  const needed = offset + Math.ceil(bytes / 4) * 4;
  if (needed > buffer.size)
    throw new RangeError(
      `buffer is too small: ${spec.dtype} [${shape.join(", ")}] at offset ${offset} needs ${needed} bytes, it has ${buffer.size}`,
    );
  return new GpuTensor(device, buffer, spec, offset, false);
}
