import type { HostTensor } from "@spaattn/core";
import { bytesOf } from "@spaattn/weights";

const DESCR: Readonly<Record<string, string>> = {
  f64: "<f8",
  f32: "<f4",
  f16: "<f2",
  i32: "<i4",
  u16: "<u2",
  u8: "|u1",
};

/** Bytes the first part of a file is padded to, so that a memory map of the data is aligned. */
const ALIGNMENT = 64;

/**
 * A npy file (version 1, row-major) as `[header, data]`; the data is the tensor's own memory.
 *
 * @throws TypeError for bf16, which numpy does not have.
 */
export function npyChunks(tensor: HostTensor): [Uint8Array, Uint8Array] {
  const descr = DESCR[tensor.dtype];
  if (!descr) throw new TypeError(`a ${tensor.dtype} tensor has no npy type; convert it with to("f32") first`);
  const shape = tensor.shape.length === 1 ? `${tensor.shape[0]},` : tensor.shape.join(", ");
  const dictionary = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`;
  const length = Math.ceil((10 + dictionary.length + 1) / ALIGNMENT) * ALIGNMENT;
  const header = new TextEncoder().encode(`\u0000NUMPY${"\u0000".repeat(4)}${dictionary.padEnd(length - 11)}\n`);
  header[0] = 0x93;
  header[6] = 1;
  new DataView(header.buffer).setUint16(8, length - 10, true);
  return [header, bytesOf(tensor)];
}

/** A whole npy file in memory. */
export function encodeNpy(tensor: HostTensor): Uint8Array {
  const [header, data] = npyChunks(tensor);
  const file = new Uint8Array(header.length + data.length);
  file.set(header);
  file.set(data, header.length);
  return file;
}
