import { convert, type DType, isFloat, type TensorSpec, type TypedArray } from "@spaattn/core";

/** What an operation reads: the elements of one value, or of its window. */
export class Operand implements TensorSpec {
  #values: Float64Array | undefined;

  /** @param raw the elements as they lie in memory; what the oracle computes itself lies there in float64 */
  constructor(
    readonly dtype: DType,
    readonly shape: readonly number[],
    readonly raw: TypedArray,
  ) {}

  /** All elements as numbers; not to be written to. */
  get values(): Float64Array {
    this.#values ??= this.part(0, this.raw.length);
    return this.#values;
  }

  /** `length` elements from element `at` as numbers; not to be written to. */
  part(at: number, length: number): Float64Array {
    const part = this.raw.subarray(at, at + length);
    if (part instanceof Float64Array) return part;
    return isFloat(this.dtype) ? convert(part, this.dtype, "f64") : Float64Array.from(part);
  }
}
