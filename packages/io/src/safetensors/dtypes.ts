import type { DType } from "@spaattn/core";

/** Bits per element of the types of the format. */
const BITS: Readonly<Record<string, number>> = {
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E4M3: 8,
  F8_E5M2: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  I64: 64,
  U64: 64,
  F64: 64,
  C64: 64,
};

const READABLE: Readonly<Record<string, DType>> = {
  F64: "f64",
  F32: "f32",
  F16: "f16",
  BF16: "bf16",
  I32: "i32",
  U16: "u16",
  U8: "u8",
  BOOL: "u8",
};

/** Bits per element; undefined for a type this version does not know. */
export const fileTypeBits = (name: string): number | undefined => (Object.hasOwn(BITS, name) ? BITS[name] : undefined);

/** The dtype such elements are read as; undefined where there is none. */
export const fileTypeToDType = (name: string): DType | undefined =>
  Object.hasOwn(READABLE, name) ? READABLE[name] : undefined;

/** The name of a dtype in a file. */
export const dtypeToFileType = (dtype: DType): string => dtype.toUpperCase();
