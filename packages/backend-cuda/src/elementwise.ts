import type { Elementwise } from "@spaattn/attention";
import { elementCount, sameShape, type Tensor } from "@spaattn/core";
import type { CudaDevice } from "./device.js";
import type { Handle } from "./driver/driver.js";
import { Params } from "./params.js";
import { kindOf } from "./steps/convert.js";
import { CudaTensor } from "./tensor.js";

/** Sums, differences and mean magnitudes on the device. */
export class CudaElementwise implements Elementwise {
  constructor(readonly device: CudaDevice) {}

  add(a: Tensor, b: Tensor, out: Tensor): void {
    this.#combine(a, b, out, 1);
  }

  subtract(a: Tensor, b: Tensor, out: Tensor): void {
    this.#combine(a, b, out, -1);
  }

  async meanAbsolute(a: Tensor, b?: Tensor): Promise<number> {
    const x = this.#own(a);
    const y = b && this.#same(b, x);
    const count = elementCount(x.shape);
    if (count === 0) return 0;
    const blocks = Math.min(512, Math.ceil(count / 256));
    const sums = this.device.allocator.allocate(blocks * 8, "partial sums");
    try {
      this.#launch("sum_absolute", blocks, x, y?.pointer, sums, 1);
      const host = new Float64Array(blocks);
      await this.device.read(sums, new Uint8Array(host.buffer));
      return host.reduce((sum, value) => sum + value, 0) / count;
    } finally {
      if (!this.device.disposed) this.device.allocator.free(sums);
    }
  }

  #combine(a: Tensor, b: Tensor, out: Tensor, sign: number): void {
    const x = this.#own(a);
    const blocks = Math.min(65535, Math.ceil(elementCount(x.shape) / 256));
    const y = this.#same(b, x).pointer;
    const target = this.#same(out, x).pointer;
    if (blocks > 0) this.#launch("combine", blocks, x, y, target, sign);
  }

  #launch(kernel: string, blocks: number, a: CudaTensor, b: Handle | undefined, out: Handle, sign: number): void {
    this.device.enter();
    const parameters = new Params()
      .pointers(a.pointer, b, out)
      .longs(elementCount(a.shape))
      .floats(sign)
      .ints(kindOf(a.dtype))
      .bytes();
    this.device.launch(this.device.stream, {
      module: "elementwise",
      kernel,
      grid: [blocks],
      threads: 256,
      parameters: [parameters],
    });
  }

  #own(tensor: Tensor): CudaTensor {
    if (!(tensor instanceof CudaTensor) || tensor.device !== this.device)
      throw new TypeError("elementwise needs tensors of this backend");
    if (kindOf(tensor.dtype) === undefined)
      throw new TypeError(`elementwise needs f32, f16 or bf16, got ${tensor.dtype}`);
    return tensor;
  }

  #same(tensor: Tensor, like: CudaTensor): CudaTensor {
    const own = this.#own(tensor);
    if (!sameShape(own.shape, like.shape) || own.dtype !== like.dtype)
      throw new RangeError(
        `tensors must match, got ${like.dtype} [${like.shape.join(", ")}] and ${own.dtype} [${own.shape.join(", ")}]`,
      );
    return own;
  }
}
