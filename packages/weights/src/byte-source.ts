import { binaryKind, describeValue } from "@spaattn/core";
import { malformed } from "./malformed.js";

/**
 * Random access to the bytes of a file that need not be in memory.
 *
 * `bytesSource` and `blobSource` make one from memory, `fileSource` of `@spaattn/io/node` from a path; anything with
 * these members will do (HTTP range requests, say).
 */
export interface ByteSource {
  /** Shown in error messages. */
  readonly name: string;
  /** Bytes in all. */
  readonly size: number;
  /** Fills `target` with the bytes from `offset` on. Callers stay within `size`. */
  read(offset: number, target: Uint8Array): Promise<void>;
  /** The bytes themselves, where they are in memory already. */
  view?(offset: number, length: number): Uint8Array;
}

/** A file in memory. Tensors read from it share its memory where their alignment allows. */
export function bytesSource(bytes: Uint8Array | ArrayBuffer, name = "file"): ByteSource {
  const memory = asBytes(bytes);
  return {
    name,
    size: memory.byteLength,
    read: async (offset, target) => target.set(memory.subarray(offset, offset + target.length)),
    view: (offset, length) => memory.subarray(offset, offset + length),
  };
}

/** A view of bytes of any realm as one of ours: sources are compared and read with this realm's classes. */
function asBytes(bytes: Uint8Array | ArrayBuffer): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes;
  return ArrayBuffer.isView(bytes)
    ? new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(bytes);
}

/** Bytes of a blob that are in memory a second time while it is read. */
const CHUNK = 8 << 20;

/** A `Blob` or `File`, such as one dropped on a page. */
export function blobSource(blob: Blob, name = "name" in blob ? String(blob.name) : "file"): ByteSource {
  return {
    name,
    size: blob.size,
    async read(offset, target) {
      for (let at = 0; at < target.length; at += CHUNK) {
        const end = Math.min(at + CHUNK, target.length);
        const part = new Uint8Array(await blob.slice(offset + at, offset + end).arrayBuffer());
        if (part.length !== end - at) malformed(name, `${end - at - part.length} bytes are missing while reading`);
        target.set(part, at);
      }
    },
  };
}

/** Any of the things tensors can be read from. */
export type ByteInput = ByteSource | Uint8Array | ArrayBuffer | Blob;

/** @throws TypeError when it is none of them. */
export function toSource(input: ByteInput): ByteSource {
  const kind = binaryKind(input);
  if (kind === "Uint8Array" || kind === "Uint8ClampedArray" || kind === "ArrayBuffer" || kind === "SharedArrayBuffer")
    return bytesSource(input as Uint8Array);
  if (kind === "Blob" || kind === "File") return blobSource(input as Blob);
  if (typeof (input as ByteSource)?.read === "function" && Number.isSafeInteger((input as ByteSource).size))
    return input as ByteSource;
  throw new TypeError(`input must be a ByteSource, Uint8Array, ArrayBuffer or Blob, got ${describeValue(input)}`);
}

/** Reads a few bytes (a header). */
export async function readBytes(source: ByteSource, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  await source.read(offset, bytes);
  return bytes;
}
