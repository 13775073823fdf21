import { binaryKind, describeValue } from "./check.js";
import { convert, toFloat32 } from "./convert.js";
import { allocateArray, arrayClass, byteSize, type DType, type HostArrays, isDType, type TypedArray } from "./dtype.js";
import { SpaAttnError } from "./errors.js";

/** A dense, row-major array on some device. Attention tensors are `[batch, heads, tokens, headDim]`. */
export interface Tensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** False when the memory belongs to the caller (wrapped); `dispose` then only forgets it. */
  readonly owned: boolean;
  readonly disposed: boolean;
  /** A copy on the host. Rejects with `Disposed` or `DeviceLost`. */
  read(): Promise<HostTensor>;
  /** Frees the memory if it is owned. Safe to call twice. */
  dispose(): void;
}

export interface TensorSpec {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** Number of elements of a shape. */
export const elementCount = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** Bytes a tensor of this dtype and shape takes. */
export const byteLength = (spec: TensorSpec): number => elementCount(spec.shape) * byteSize(spec.dtype);

export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((size, i) => size === b[i]);

// In the registry of all realms, so that copies of this package know each other's tensors.
const BRAND = Symbol.for("@spaattn/core HostTensor");

/** A tensor in ordinary memory. */
export class HostTensor<D extends DType = DType> implements Tensor {
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly owned: boolean;
  #data: HostArrays[D] | undefined;

  /**
   * @throws TypeError when `data` is not the typed array of `dtype`.
   * @throws RangeError when its length differs from the shape's.
   */
  constructor(dtype: D, shape: readonly number[], data?: HostArrays[D]) {
    if (!isDType(dtype))
      throw new TypeError(`dtype must be one of f64, f32, f16, bf16, i32, u16, u8, got ${describeValue(dtype)}`);
    if (!Array.isArray(shape)) throw new TypeError(`shape must be a list of sizes, got ${describeValue(shape)}`);
    shape.forEach((size, i) => {
      if (!Number.isSafeInteger(size) || size < 0)
        throw new RangeError(`shape[${i}] must be a non-negative integer, got ${describeValue(size)}`);
    });
    const length = elementCount(shape);
    if (data !== undefined && binaryKind(data) !== arrayClass(dtype).name)
      throw new TypeError(`data of a ${dtype} tensor must be a ${arrayClass(dtype).name}, got ${describeValue(data)}`);
    if (data && data.length !== length)
      throw new RangeError(`data has ${data.length} elements, but shape [${shape.join(", ")}] needs ${length}`);
    this.dtype = dtype;
    this.shape = Object.freeze([...shape]);
    this.owned = data === undefined;
    this.#data = data ?? allocateArray(dtype, length);
  }

  /** The elements; `f16` and `bf16` as bit patterns. Throws `Disposed` after `dispose()`. */
  get data(): HostArrays[D] {
    if (this.#data) return this.#data;
    throw new SpaAttnError("Disposed", "This tensor has been disposed.", { remedy: "Keep it until its last use." });
  }

  get disposed(): boolean {
    return this.#data === undefined;
  }

  get length(): number {
    return elementCount(this.shape);
  }

  /** The elements as float32 values (always a copy). */
  toFloat32(): Float32Array {
    return toFloat32(this.data as TypedArray, this.dtype);
  }

  /** This tensor in another dtype (always a copy). */
  to<T extends DType>(dtype: T): HostTensor<T> {
    return new HostTensor(dtype, this.shape, convert(this.data as TypedArray, this.dtype, dtype));
  }

  async read(): Promise<HostTensor> {
    return new HostTensor(this.dtype, this.shape, this.data.slice() as HostArrays[D]);
  }

  dispose(): void {
    this.#data = undefined;
  }

  toJSON(): { dtype: DType; shape: readonly number[] } {
    return { dtype: this.dtype, shape: this.shape };
  }
}

Object.defineProperty(HostTensor.prototype, BRAND, { value: true });

/** True for a host tensor, also one made by another copy of this package. */
export const isHostTensor = (tensor: Tensor): tensor is HostTensor =>
  typeof tensor === "object" && tensor !== null && BRAND in tensor;
