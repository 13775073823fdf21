import type { DType } from "@spaattn/core";

/** Bytes per element of the types of the format that take whole bytes. */
const BYTES: Readonly<Record<string, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  F8_E8M0: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  I64: 8,
  U64: 8,
  F64: 8,
  C64: 8,
};

/** Types that are read as they are. */
const SAME: Readonly<Record<string, DType>> = {
  F64: "f64",
  F32: "f32",
  F16: "f16",
  BF16: "bf16",
  I32: "i32",
  U16: "u16",
  U8: "u8",
  BOOL: "u8",
};

/** Types without a counterpart, and the dtype their values are converted to. */
const CONVERTED: Readonly<Record<string, DType>> = {
  F8_E4M3: "f32",
  F8_E5M2: "f32",
  I8: "i32",
  I16: "i32",
  U32: "i32",
  I64: "i32",
  U64: "i32",
};

const look = <T>(table: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

/** Bytes per element; undefined for a type this version does not know. */
export const fileTypeBytes = (name: string): number | undefined => look(BYTES, name);

/** The dtype whose elements have the same bits; undefined where there is none. */
export const fileTypeToDType = (name: string): DType | undefined => look(SAME, name);

/** The dtype such elements are read as, converted where they must be; undefined where they cannot be read. */
export const fileTypeReadAs = (name: string): DType | undefined => look(SAME, name) ?? look(CONVERTED, name);

/** The name of a dtype in a file. */
export const dtypeToFileType = (dtype: DType): string => dtype.toUpperCase();
