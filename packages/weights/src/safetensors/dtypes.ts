import { byteSize, type DType, dtypeOfFile, fileNameOf } from "@spaattn/core";

/** Types of the format that tensors do not have: bits per element, and the dtype their values are read as. */
const OTHERS: Readonly<Record<string, { readonly bits: number; readonly readAs?: DType }>> = {
  F4: { bits: 4 },
  F6_E2M3: { bits: 6 },
  F6_E3M2: { bits: 6 },
  BOOL: { bits: 8, readAs: "u8" },
  F8_E8M0: { bits: 8 },
  F8_E4M3FNUZ: { bits: 8 },
  F8_E5M2FNUZ: { bits: 8 },
  I16: { bits: 16, readAs: "i32" },
  U32: { bits: 32, readAs: "i32" },
  I64: { bits: 64, readAs: "i32" },
  U64: { bits: 64, readAs: "i32" },
  C64: { bits: 64 },
};

const other = (name: string) => (Object.hasOwn(OTHERS, name) ? OTHERS[name] : undefined);

/** Bits per element; undefined for a type this version does not know. */
export function fileTypeBits(name: string): number | undefined {
  const dtype = dtypeOfFile(name);
  return dtype ? 8 * byteSize(dtype) : other(name)?.bits;
}

/** The dtype whose elements have the same bits; undefined where there is none. */
export const fileTypeToDType = (name: string): DType | undefined => (name === "BOOL" ? "u8" : dtypeOfFile(name));

/** The dtype such elements are read as, converted where they must be; undefined where they cannot be read. */
export const fileTypeReadAs = (name: string): DType | undefined => dtypeOfFile(name) ?? other(name)?.readAs;

/** The name of a dtype in a file. */
export const dtypeToFileType = fileNameOf;
