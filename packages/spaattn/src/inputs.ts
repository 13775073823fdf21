import { binaryKind, describeValue, type FloatDType, HostTensor, type Tensor } from "@spaattn/core";

/** `Float16Array` where the runtime has it; typed by its tag because older TypeScript libraries lack it. */
export interface Float16ArrayLike {
  readonly [Symbol.toStringTag]: "Float16Array";
  readonly buffer: ArrayBufferLike;
  readonly byteOffset: number;
  readonly length: number;
}

/** Numbers on the host: float32, float16, or 16-bit patterns whose meaning `options.dtype` says. */
export type HostArray = Float32Array | Uint16Array | Float16ArrayLike;
export type AttentionInput = HostArray | Tensor;

export const isTensor = (value: unknown): value is Tensor =>
  typeof value === "object" &&
  value !== null &&
  "dtype" in value &&
  Array.isArray((value as Tensor).shape) &&
  typeof (value as Tensor).read === "function";

// By tag and memory: polyfills are no views of the engine.
export const isFloat16Array = (value: unknown): value is Float16ArrayLike =>
  Object.prototype.toString.call(value) === "[object Float16Array]" &&
  /ArrayBuffer$/.test(binaryKind((value as Float16ArrayLike).buffer) ?? "");

/** The element type of an input. Throws a TypeError that names the argument. */
export function dtypeOf(name: string, input: unknown, wanted: FloatDType | undefined): FloatDType {
  const found = foundDtype(name, input, wanted);
  if (wanted !== undefined && wanted !== found)
    throw new TypeError(`${name} holds ${found}, but options.dtype is ${describeValue(wanted)}`);
  return found;
}

function foundDtype(name: string, input: unknown, wanted: FloatDType | undefined): FloatDType {
  if (isTensor(input)) {
    const { dtype } = input;
    if (dtype === "f32" || dtype === "f16" || dtype === "bf16") return dtype;
    throw new TypeError(`${name} must be f32, f16 or bf16, got a ${dtype} tensor`);
  }
  // By tag: arrays of another realm (a test environment, an iframe) are no less arrays.
  const kind = binaryKind(input);
  if (kind === "Float32Array") return "f32";
  if (isFloat16Array(input)) return "f16";
  if (kind === "Uint16Array") {
    if (wanted === "f16" || wanted === "bf16") return wanted;
    throw new TypeError(`${name} is a Uint16Array: options.dtype must say whether it holds "f16" or "bf16"`);
  }
  throw new TypeError(
    `${name} must be a Float32Array, Uint16Array, Float16Array or tensor, got ${describeValue(input)}`,
  );
}

/** The input as a tensor of the given shape, without a copy. */
export function asTensor(name: string, input: AttentionInput, dtype: FloatDType, shape: readonly number[]): Tensor {
  if (isTensor(input)) {
    if (input.shape.length !== shape.length || input.shape.some((size, i) => size !== shape[i]))
      throw new RangeError(`${name} must have shape [${shape.join(", ")}], got [${input.shape.join(", ")}]`);
    return input;
  }
  // Array lengths of detached buffers are 0, which the check of lengths has refused by now.
  return isFloat16Array(input)
    ? new HostTensor("f16", shape, new Uint16Array(input.buffer, input.byteOffset, input.length))
    : new HostTensor(dtype, shape, input);
}
