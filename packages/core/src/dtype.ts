/**
 * Element types of tensors.
 *
 * `f16` and `bf16` hold their bit patterns in a `Uint16Array`, `f8e4m3` and `f8e5m2` in a `Uint8Array`. `f64` appears in
 * the oracle's intermediates; `u8` also holds masks and the raw bytes of block-quantised weights.
 */
export type DType = "f64" | "f32" | "f16" | "bf16" | "f8e4m3" | "f8e5m2" | "i32" | "i8" | "u16" | "u8";

/** The element types that networks compute in, and attention takes. */
export type FloatDType = "f32" | "f16" | "bf16";

export type TypedArray = Float64Array | Float32Array | Uint16Array | Int32Array | Int8Array | Uint8Array;

interface DTypeFacts {
  /** Bytes per element. */
  readonly bytes: number;
  /** The typed array that holds it on the host. */
  readonly array: new (
    length: number,
  ) => TypedArray;
  /** Its name in safetensors files. */
  readonly file: string;
  /** True when the elements are numbers of a floating format. */
  readonly float: boolean;
}

/** The one table of types: everything about a type that somebody needs is here. */
const TABLE = {
  f64: { bytes: 8, array: Float64Array, file: "F64", float: true },
  f32: { bytes: 4, array: Float32Array, file: "F32", float: true },
  f16: { bytes: 2, array: Uint16Array, file: "F16", float: true },
  bf16: { bytes: 2, array: Uint16Array, file: "BF16", float: true },
  f8e4m3: { bytes: 1, array: Uint8Array, file: "F8_E4M3", float: true },
  f8e5m2: { bytes: 1, array: Uint8Array, file: "F8_E5M2", float: true },
  i32: { bytes: 4, array: Int32Array, file: "I32", float: false },
  i8: { bytes: 1, array: Int8Array, file: "I8", float: false },
  u16: { bytes: 2, array: Uint16Array, file: "U16", float: false },
  u8: { bytes: 1, array: Uint8Array, file: "U8", float: false },
} as const satisfies Record<DType, DTypeFacts>;

/** The typed array that holds one dtype on the host. */
export interface HostArrays {
  f64: Float64Array;
  f32: Float32Array;
  f16: Uint16Array;
  bf16: Uint16Array;
  f8e4m3: Uint8Array;
  f8e5m2: Uint8Array;
  i32: Int32Array;
  i8: Int8Array;
  u16: Uint16Array;
  u8: Uint8Array;
}

/** All dtypes, in order of the table. */
export const DTYPES = Object.keys(TABLE) as readonly DType[];

/** Bytes per element. */
export const byteSize = (dtype: DType): number => TABLE[dtype].bytes;

export const isDType = (value: unknown): value is DType => typeof value === "string" && Object.hasOwn(TABLE, value);

/** True for types whose elements are floating-point numbers. */
export const isFloat = (dtype: DType): boolean => TABLE[dtype].float;

/** The typed-array class that stores `dtype`. */
export const arrayClass = <D extends DType>(dtype: D): (typeof TABLE)[D]["array"] => TABLE[dtype].array;

/** A zeroed typed array for `length` elements of `dtype`. */
export const allocateArray = <D extends DType>(dtype: D, length: number): HostArrays[D] =>
  new TABLE[dtype].array(length) as HostArrays[D];

/** The name of a dtype in safetensors files. */
export const fileNameOf = (dtype: DType): string => TABLE[dtype].file;

/** The dtype a safetensors file means; undefined for types tensors do not have (`I64`, `BOOL`, ...). */
export const dtypeOfFile = (name: string): DType | undefined => DTYPES.find((dtype) => TABLE[dtype].file === name);
