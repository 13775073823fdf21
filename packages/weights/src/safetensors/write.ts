import { byteLength, byteSize, isHostTensor, type Tensor } from "@spaattn/core";
import { bytesOf } from "../read-tensor.js";
import { dtypeToFileType } from "./dtypes.js";

/** Tensors by name; those on a device are read back one at a time while the file is written. */
export type NamedTensors = Readonly<Record<string, Tensor>>;

/** The pieces of a safetensors file in order, each made when it is asked for. */
export async function* safetensorsChunks(
  tensors: NamedTensors,
  metadata: Readonly<Record<string, string>> = {},
): AsyncGenerator<Uint8Array> {
  checkMetadata(metadata);
  for (const name of ["__metadata__", "__proto__"])
    if (Object.hasOwn(tensors, name)) throw new RangeError(`tensors must not use the name "${name}"`);
  // Wide types first: then every tensor begins at a multiple of its element size.
  const ordered = Object.entries(tensors).sort(
    ([a, x], [b, y]) => byteSize(y.dtype) - byteSize(x.dtype) || (a < b ? -1 : 1),
  );
  yield encodeHeader(ordered, metadata);
  for (const [, tensor] of ordered) {
    const host = isHostTensor(tensor) ? tensor : await tensor.read();
    if (host.dtype !== tensor.dtype) throw new TypeError(`a ${tensor.dtype} tensor was read back as ${host.dtype}`);
    yield bytesOf(host);
  }
}

/** A whole safetensors file in memory. On a disk prefer `writeSafetensors` of `@spaattn/io/node`, which streams. */
export async function encodeSafetensors(
  tensors: NamedTensors,
  metadata: Readonly<Record<string, string>> = {},
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of safetensorsChunks(tensors, metadata)) chunks.push(chunk);
  const file = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    file.set(chunk, at);
    at += chunk.length;
  }
  return file;
}

function encodeHeader(ordered: readonly [string, Tensor][], metadata: Readonly<Record<string, string>>): Uint8Array {
  let offset = 0;
  // No prototype, so that any name is an ordinary key.
  const header: Record<string, unknown> = Object.create(null);
  if (Object.keys(metadata).length > 0) header.__metadata__ = metadata;
  for (const [name, tensor] of ordered) {
    const end = offset + byteLength(tensor);
    header[name] = { dtype: dtypeToFileType(tensor.dtype), shape: tensor.shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  // Padded with blanks, so that the data begins at a multiple of 8.
  const length = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, 8);
  return bytes;
}

function checkMetadata(metadata: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(metadata))
    if (typeof value !== "string") throw new TypeError(`metadata.${key} must be a string, got ${typeof value}`);
}
