import { arrayClass, byteSize, type DType, elementCount, HostTensor, SpaAttnError } from "@spaattn/core";
import type { ByteSource } from "./byte-source.js";

/**
 * Reads `shape` elements of `dtype` at `offset`, straight into the tensor's own memory: nothing is held twice.
 *
 * A source in memory is not copied at all where the offset suits the type. Bytes are little-endian, as every platform
 * that runs JavaScript is.
 */
export async function readTensor(
  source: ByteSource,
  offset: number,
  dtype: DType,
  shape: readonly number[],
): Promise<HostTensor> {
  const length = elementCount(shape);
  const bytes = length * byteSize(dtype);
  const view = source.view?.(offset, bytes);
  if (view && view.byteOffset % byteSize(dtype) === 0)
    return new HostTensor(dtype, shape, new (arrayClass(dtype))(view.buffer as ArrayBuffer, view.byteOffset, length));
  const data = allocate(dtype, length, source.name);
  await source.read(offset, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return new HostTensor(dtype, shape, data);
}

function allocate(dtype: DType, length: number, name: string) {
  try {
    return new (arrayClass(dtype))(length);
  } catch (cause) {
    throw new SpaAttnError("OutOfMemory", `${name}: no memory for ${length} elements of ${dtype}.`, {
      remedy: "Read fewer tensors at a time, or give the process more memory.",
      cause,
    });
  }
}

/** The bytes of a host tensor, shared with it. */
export const bytesOf = ({ data }: HostTensor): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
