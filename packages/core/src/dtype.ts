/**
 * Element types of tensors.
 *
 * `f16`, `bf16` hold their bit patterns in a `Uint16Array`. `u16` appears in block lists only (a device may keep them
 * small), `f64` in the oracle's intermediates only.
 */
export type DType = "f64" | "f32" | "f16" | "bf16" | "i32" | "u16" | "u8";

/** The element types attention accepts for query, key, value and output. */
export type FloatDType = "f32" | "f16" | "bf16";

export type TypedArray = Float64Array | Float32Array | Uint16Array | Int32Array | Uint8Array;

/** The typed array that holds one dtype on the host. */
export interface HostArrays {
  f64: Float64Array;
  f32: Float32Array;
  f16: Uint16Array;
  bf16: Uint16Array;
  i32: Int32Array;
  u16: Uint16Array;
  u8: Uint8Array;
}

const BYTES: Record<DType, number> = { f64: 8, f32: 4, f16: 2, bf16: 2, i32: 4, u16: 2, u8: 1 };

/** Bytes per element. */
export const byteSize = (dtype: DType): number => BYTES[dtype];

export const isDType = (value: unknown): value is DType => typeof value === "string" && Object.hasOwn(BYTES, value);

const CONSTRUCTORS = {
  f64: Float64Array,
  f32: Float32Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  i32: Int32Array,
  u16: Uint16Array,
  u8: Uint8Array,
} as const;

/** The typed-array class that stores `dtype`. */
export const arrayClass = <D extends DType>(dtype: D): (typeof CONSTRUCTORS)[D] => CONSTRUCTORS[dtype];

/** A zeroed typed array for `length` elements of `dtype`. */
export const allocateArray = <D extends DType>(dtype: D, length: number): HostArrays[D] =>
  new CONSTRUCTORS[dtype](length) as HostArrays[D];
