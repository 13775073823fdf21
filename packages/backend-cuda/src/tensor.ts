import {
  allocateArray,
  byteLength,
  type DType,
  elementCount,
  HostTensor,
  SpaAttnError,
  type Tensor,
} from "@spaattn/core";
import type { CudaDevice } from "./device.js";
import type { Handle } from "./driver/driver.js";

/** A tensor in the memory of one GPU. */
export class CudaTensor implements Tensor {
  readonly shape: readonly number[];
  #pointer: Handle | undefined;

  constructor(
    readonly device: CudaDevice,
    readonly dtype: DType,
    shape: readonly number[],
    pointer: Handle,
    readonly owned: boolean,
  ) {
    this.shape = Object.freeze([...shape]);
    this.#pointer = pointer;
  }

  /** The device address, for other libraries of the process. Throws `Disposed` after `dispose()`. */
  get pointer(): Handle {
    if (this.#pointer !== undefined && !this.device.disposed) return this.#pointer;
    throw new SpaAttnError("Disposed", "This tensor, or its backend, has been disposed.", {
      remedy: "Keep both until the tensor's last use.",
    });
  }

  get disposed(): boolean {
    return this.#pointer === undefined || this.device.disposed;
  }

  async read(): Promise<HostTensor> {
    const source = this.pointer;
    const data = allocateArray(this.dtype, elementCount(this.shape));
    await this.device.read(source, new Uint8Array(data.buffer, 0, byteLength(this)));
    return new HostTensor(this.dtype, this.shape, data);
  }

  dispose(): void {
    if (this.#pointer === undefined) return;
    if (this.owned && !this.device.disposed) this.device.allocator.free(this.#pointer);
    this.#pointer = undefined;
  }
}
