import type { Elementwise, Geometry } from "@spaattn/attention";
import { elementCount, type FloatDType, sameShape, type Tensor } from "@spaattn/core";
import type { WebGpuBackend } from "./backend.js";
import { type Chunk, combineKernel, distanceKernel, PARTIAL_SUMS } from "./kernels/elementwise.js";
import { Lowering } from "./lowering.js";
import { Recording, Scratch } from "./recording.js";
import { Runner } from "./runner.js";
import type { GpuTensor } from "./tensor.js";
import { rowStorage } from "./wgsl/storage.js";

/** Every tensor here is a flat run of values. */
const FLAT = { batch: 1, heads: 1 } as Geometry;

/** Helpers of step caches. Lengths are multiples of four: that is how values lie in memory. */
export class WebGpuElementwise implements Elementwise {
  constructor(readonly backend: WebGpuBackend) {}

  add(a: Tensor, b: Tensor, out: Tensor): Promise<void> {
    return this.#combine(a, b, out, 1);
  }

  subtract(a: Tensor, b: Tensor, out: Tensor): Promise<void> {
    return this.#combine(a, b, out, -1);
  }

  async meanAbsolute(a: Tensor, b?: Tensor): Promise<number> {
    if (b) same(a, b);
    const count = elementCount(a.shape);
    if (count === 0) return 0;
    const sums = this.backend.allocate("f32", [PARTIAL_SUMS]);
    try {
      const storage = this.#storage(a);
      const kernel = distanceKernel(storage, b !== undefined);
      const chunk: Chunk = { vectors: Math.ceil(count / 4), last: count % 4 || 4 };
      await this.#run({ a, ...(b ? { b } : {}), sums }, (lowering) =>
        lowering.emit(
          kernel,
          { first: 0, count: 1 },
          {
            bind: { a: "a", b: "b", sums: "sums" },
            params: { ...chunk },
            grid: [PARTIAL_SUMS, 1],
          },
        ),
      );
      const partial = (await sums.read()).toFloat32();
      return partial.reduce((sum, value) => sum + value, 0) / count;
    } finally {
      sums.dispose();
    }
  }

  async #combine(a: Tensor, b: Tensor, out: Tensor, sign: 1 | -1): Promise<void> {
    same(a, b);
    same(a, out);
    const vectors = Math.ceil(elementCount(a.shape) / 4);
    const groups = Math.ceil(vectors / 64);
    const wide = Math.min(groups, 32768);
    const kernel = combineKernel(this.#storage(a));
    await this.#run({ a, b, out }, (lowering) =>
      lowering.emit(
        kernel,
        { first: 0, count: 1 },
        {
          bind: { a: "a", b: "b", out: "out" },
          params: { vectors, wide: wide * 64, sign },
          grid: [wide, Math.ceil(groups / wide)],
        },
      ),
    );
  }

  #storage(tensor: Tensor) {
    return rowStorage(tensor.dtype as FloatDType, this.backend.device.hasF16);
  }

  async #run(tensors: Record<string, Tensor>, emit: (lowering: Lowering) => void): Promise<void> {
    const { device } = this.backend;
    const lowering = new Lowering("permute", device, FLAT, tensors);
    emit(lowering);
    const recording = await Recording.prepare(device, lowering, new Scratch());
    try {
      await new Runner(device, [recording], [(role) => tensors[role] as GpuTensor]).run({});
    } finally {
      recording.dispose();
    }
  }
}

function same(a: Tensor, b: Tensor): void {
  if (!sameShape(a.shape, b.shape) || a.dtype !== b.dtype)
    throw new RangeError(
      `tensors must match, got ${a.dtype} [${a.shape.join(", ")}] and ${b.dtype} [${b.shape.join(", ")}]`,
    );
}
