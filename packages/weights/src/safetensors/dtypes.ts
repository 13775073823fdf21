import { byteSize, type DType, dtypeOfFile, fileNameOf } from "@spaattn/core";

/** Types of the format that tensors do not have: bytes per element, and the dtype their values are read as. */
const OTHERS: Readonly<Record<string, { readonly bytes: number; readonly readAs?: DType }>> = {
  BOOL: { bytes: 1, readAs: "u8" },
  I16: { bytes: 2, readAs: "i32" },
  U32: { bytes: 4, readAs: "i32" },
  I64: { bytes: 8, readAs: "i32" },
  U64: { bytes: 8, readAs: "i32" },
  F8_E8M0: { bytes: 1 },
  C64: { bytes: 8 },
};

const other = (name: string) => (Object.hasOwn(OTHERS, name) ? OTHERS[name] : undefined);

/** Bytes per element; undefined for a type this version does not know. */
export function fileTypeBytes(name: string): number | undefined {
  const dtype = dtypeOfFile(name);
  return dtype ? byteSize(dtype) : other(name)?.bytes;
}

/** The dtype whose elements have the same bits; undefined where there is none. */
export const fileTypeToDType = (name: string): DType | undefined => (name === "BOOL" ? "u8" : dtypeOfFile(name));

/** The dtype such elements are read as, converted where they must be; undefined where they cannot be read. */
export const fileTypeReadAs = (name: string): DType | undefined => dtypeOfFile(name) ?? other(name)?.readAs;

/** The name of a dtype in a file. */
export const dtypeToFileType = fileNameOf;
