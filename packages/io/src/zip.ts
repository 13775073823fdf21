import { SpaAttnError } from "@spaattn/core";
import { type ByteSource, malformed, readBytes } from "@spaattn/weights";
import { crc32 } from "./clip/png-chunks.js";

// As much of zip as numpy's npz files need: entries stored or deflated, zip64 for large ones.

export interface ZipEntry {
  readonly name: string;
  /** 0 stored, 8 deflated. */
  readonly method: number;
  readonly packed: number;
  readonly size: number;
  readonly crc: number;
  /** Of the local header. */
  readonly offset: number;
}

/** The end record and the longest comment behind it. */
const LONGEST_END = 22 + 65535;

/** The directory of a zip file. @throws SpaAttnError MalformedFile */
export async function zipEntries(source: ByteSource): Promise<ZipEntry[]> {
  const { name, size } = source;
  const tail = await readBytes(source, Math.max(0, size - LONGEST_END), Math.min(size, LONGEST_END));
  const view = viewOf(tail);
  let end = tail.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0) malformed(name, "the end of the zip directory is missing; the file is truncated, or no zip");
  let count = view.getUint16(end + 10, true);
  let bytes = view.getUint32(end + 12, true);
  let start = view.getUint32(end + 16, true);
  if (start === 0xffffffff || count === 0xffff || bytes === 0xffffffff) {
    const at = Number(await u64(source, size - tail.length + end - 20 + 8));
    [count, bytes, start] = await Promise.all([32, 40, 48].map(async (part) => Number(await u64(source, at + part))));
  }
  if (start + bytes > size) malformed(name, "the zip directory lies outside the file");
  const directory = await readBytes(source, start, bytes);
  const entries: ZipEntry[] = [];
  for (let at = 0; entries.length < count; ) {
    if (at + 46 > bytes || viewOf(directory).getUint32(at, true) !== 0x02014b50)
      malformed(name, "the zip directory cannot be understood");
    const entry = readable(() => readEntry(directory, at), name);
    if (entry.offset + entry.packed > size) malformed(name, `${entry.name} lies outside the file`);
    entries.push(entry);
    at += 46 + [28, 30, 32].reduce((sum, part) => sum + viewOf(directory).getUint16(at + part, true), 0);
  }
  return entries;
}

/** Deflate makes nothing smaller than a thousandth of it. */
const MOST_SHRINKING = 1100;

/** Reads that leave the directory throw RangeErrors of their own. */
function readable<T>(read: () => T, what: string): T {
  try {
    return read();
  } catch (cause) {
    malformed(what, "the zip directory cannot be understood", { cause });
  }
}

function readEntry(directory: Uint8Array, at: number): ZipEntry {
  const view = viewOf(directory);
  const nameLength = view.getUint16(at + 28, true);
  const extraAt = at + 46 + nameLength;
  const facts = {
    size: view.getUint32(at + 24, true),
    packed: view.getUint32(at + 20, true),
    offset: view.getUint32(at + 42, true),
  };
  const extraEnd = extraAt + view.getUint16(at + 30, true);
  for (let extra = extraAt; extra + 4 <= extraEnd; extra += 4 + view.getUint16(extra + 2, true)) {
    if (view.getUint16(extra, true) !== 1) continue;
    // Zip64: what did not fit, in this order.
    let from = extra + 4;
    for (const key of ["size", "packed", "offset"] as const)
      if (facts[key] === 0xffffffff) {
        facts[key] = Number(view.getBigUint64(from, true));
        from += 8;
      }
  }
  const name = new TextDecoder().decode(directory.subarray(at + 46, extraAt));
  return { name, method: view.getUint16(at + 10, true), crc: view.getUint32(at + 16, true), ...facts };
}

/** The bytes of one entry, unpacked and checked. @throws SpaAttnError MalformedFile or Unsupported */
export async function zipBytes(source: ByteSource, entry: ZipEntry): Promise<Uint8Array> {
  const what = `${source.name}: ${entry.name}`;
  const header = await readBytes(source, entry.offset, 30);
  const view = viewOf(header);
  if (view.getUint32(0, true) !== 0x04034b50) malformed(what, "its header is not where the directory says");
  const start = entry.offset + 30 + view.getUint16(26, true) + view.getUint16(28, true);
  if (start + entry.packed > source.size) malformed(what, "it is truncated");
  const packed = await readBytes(source, start, entry.packed);
  if (entry.size > MOST_SHRINKING * (entry.packed + 1)) malformed(what, `it cannot hold ${entry.size} bytes`);
  const bytes = entry.method === 0 ? packed : entry.method === 8 ? await inflate(packed, entry.size, what) : undefined;
  if (!bytes)
    throw new SpaAttnError("Unsupported", `${what} is packed by method ${entry.method}.`, {
      remedy: "Save it with numpy.savez or numpy.savez_compressed.",
    });
  if (bytes.length !== entry.size || crc32(bytes) !== entry.crc) malformed(what, "its checksum is wrong");
  return bytes;
}

async function inflate(packed: Uint8Array, size: number, what: string): Promise<Uint8Array> {
  const out = new Uint8Array(size);
  let at = 0;
  try {
    const stream = new Blob([packed as Uint8Array<ArrayBuffer>])
      .stream()
      .pipeThrough(new DecompressionStream("deflate-raw"));
    const reader = stream.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      if (at + part.value.length > size) throw new Error("it is longer than its size says");
      out.set(part.value, at);
      at += part.value.length;
    }
  } catch (cause) {
    malformed(what, `it cannot be unpacked (${(cause as Error).message})`, { cause });
  }
  return out.subarray(0, at);
}

async function u64(source: ByteSource, at: number): Promise<bigint> {
  if (at < 0 || at + 8 > source.size) malformed(source.name, "the zip directory cannot be understood");
  return viewOf(await readBytes(source, at, 8)).getBigUint64(0, true);
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A zip file of stored entries, piece by piece; every entry and the whole stay below 4 GB. */
export function* zipChunks(
  files: Iterable<readonly [name: string, chunks: readonly Uint8Array[]]>,
): Generator<Uint8Array> {
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const [name, chunks] of files) {
    const size = chunks.reduce((sum, { length }) => sum + length, 0);
    if (at + size > 0xfffffff0) throw new RangeError("an npz file holds at most 4 GB; write safetensors instead");
    const label = new TextEncoder().encode(name);
    const crc = crc32Of(chunks);
    const local = record(0x04034b50, 30, label);
    const central = record(0x02014b50, 46, label);
    for (const [bytes, from] of [
      [local, 14],
      [central, 16],
    ] as const)
      for (const [i, value] of [crc, size, size].entries()) viewOf(bytes).setUint32(from + 4 * i, value, true);
    viewOf(local).setUint16(26, label.length, true);
    viewOf(central).setUint16(28, label.length, true);
    viewOf(central).setUint32(42, at, true);
    yield local;
    yield* chunks;
    directory.push(central);
    at += local.length + size;
  }
  yield* directory;
  const end = new Uint8Array(22);
  const view = viewOf(end);
  view.setUint32(0, 0x06054b50, true);
  view.setUint16(8, directory.length, true);
  view.setUint16(10, directory.length, true);
  view.setUint32(
    12,
    directory.reduce((sum, { length }) => sum + length, 0),
    true,
  );
  view.setUint32(16, at, true);
  yield end;
}

/** A local or central header with the versions, the date 1980-01-01 and the name filled in. */
function record(signature: number, length: number, label: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(length + label.length);
  const view = viewOf(bytes);
  const versions = length === 46 ? [20, 20] : [20];
  view.setUint32(0, signature, true);
  for (const [i, version] of versions.entries()) view.setUint16(4 + 2 * i, version, true);
  view.setUint16(4 + 2 * versions.length + 6, 0x21, true);
  bytes.set(label, length);
  return bytes;
}

function crc32Of(chunks: readonly Uint8Array[]): number {
  if (chunks.length === 1) return crc32(chunks[0]);
  const all = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return crc32(all);
}
