import { type DType, elementCount, type HostTensor, SpaAttnError } from "@spaattn/core";
import { type ByteInput, bytesOf, malformed, readBytes, readTensor, toSource } from "@spaattn/weights";
import { type NpyHeader, parseNpyHeader } from "./header.js";
import { fromFortranOrder, int64ToInt32, swapBytes } from "./reorder.js";

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** Header lengths beyond this are refused unread; numpy itself stops at 10,000 characters. */
const MAX_HEADER_BYTES = 1 << 20;

const TYPES: Readonly<Record<string, { readonly dtype: DType; readonly width: number }>> = {
  f8: { dtype: "f64", width: 8 },
  f4: { dtype: "f32", width: 4 },
  f2: { dtype: "f16", width: 2 },
  i8: { dtype: "i32", width: 8 },
  i4: { dtype: "i32", width: 4 },
  u2: { dtype: "u16", width: 2 },
  u1: { dtype: "u8", width: 1 },
  b1: { dtype: "u8", width: 1 },
};

/**
 * Reads a npy file (versions 1 to 3): `f2`, `f4`, `f8`, `i4`, `u2`, `u1`, `b1`, and `i8` where every value fits in 32
 * bits. Either byte order; Fortran order is turned into row-major order.
 *
 * @throws SpaAttnError MalformedFile, or Unsupported for other types.
 */
export async function readNpy(input: ByteInput): Promise<HostTensor> {
  const source = toSource(input);
  const { name, size } = source;
  const { header, start } = await readHeader(source);
  const { descr, fortranOrder, shape } = header;
  const { dtype, width, swap } = elementType(descr, name);
  const expected = elementCount(shape) * width;
  if (expected !== size - start)
    malformed(
      name,
      `${descr} [${shape.join(", ")}] takes ${expected} bytes, but ${size - start} follow the header` +
        (expected > size - start ? "; the file is truncated" : ""),
    );
  const wide = descr.endsWith("i8");
  // Eight-byte integers are read as what they are made of and narrowed afterwards.
  let tensor = wide
    ? await readTensor(source, start, "i32", [...shape, 2])
    : await readTensor(source, start, dtype, shape);
  if (swap) tensor = swapBytes(tensor, wide ? 8 : width);
  if (wide) tensor = int64ToInt32(tensor, shape, name);
  if (descr.endsWith("b1") && bytesOf(tensor).some((byte) => byte > 1)) malformed(name, "a boolean is neither 0 nor 1");
  return fortranOrder && shape.length > 1 ? fromFortranOrder(tensor) : tensor;
}

async function readHeader(source: ReturnType<typeof toSource>): Promise<{ header: NpyHeader; start: number }> {
  const { name, size } = source;
  if (size < 10) malformed(name, `a file of ${size} bytes is no npy file`);
  const prefix = await readBytes(source, 0, Math.min(12, size));
  if (MAGIC.some((byte, i) => prefix[i] !== byte))
    malformed(name, "the file does not begin as npy files do", { remedy: "Check that it is the right file." });
  const version = prefix[6];
  if (version < 1 || version > 3) malformed(name, `npy version ${version}.${prefix[7]} is unknown`);
  const view = new DataView(prefix.buffer);
  const begin = version === 1 ? 10 : 12;
  if (size < begin) malformed(name, "the file is truncated in its header");
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MAX_HEADER_BYTES || begin + length > size)
    malformed(name, `a header of ${length} bytes cannot be in a file of ${size}`);
  const bytes = await readBytes(source, begin, length);
  return { header: parseNpyHeader(decode(bytes, version, name), name), start: begin + length };
}

function decode(bytes: Uint8Array, version: number, name: string): string {
  try {
    return new TextDecoder(version < 3 ? "latin1" : "utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    malformed(name, "the header is not UTF-8", { cause });
  }
}

function elementType(descr: string, name: string): { dtype: DType; width: number; swap: boolean } {
  const order = descr[0];
  const type = Object.hasOwn(TYPES, descr.slice(1)) ? TYPES[descr.slice(1)] : undefined;
  if (type && (order === "<" || order === ">" || (order === "|" && type.width === 1)))
    return { ...type, swap: order === ">" && type.width > 1 };
  throw new SpaAttnError("Unsupported", `${name}: arrays of type "${descr}" cannot be read.`, {
    remedy: "Save the array as float32, float16, int32 or uint8.",
  });
}
