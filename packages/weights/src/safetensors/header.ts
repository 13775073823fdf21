import { isRecord, parseJsonObject } from "../json-object.js";
import { malformed } from "../malformed.js";
import { fileTypeBits } from "./dtypes.js";

/** Where one tensor lies, as the header says. */
export interface SafetensorsEntry {
  readonly name: string;
  /** As in the file: `F32`, `BF16`, `I64`, ... */
  readonly fileType: string;
  readonly shape: readonly number[];
  /** Absolute position in the file. */
  readonly offset: number;
  readonly bytes: number;
}

export interface SafetensorsHeader {
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The format's own limit for a header. */
export const MAX_HEADER_BYTES = 100_000_000;

/**
 * The checked length of the header.
 *
 * @param prefix the first 8 bytes of the file
 */
export function headerLength(prefix: Uint8Array, fileBytes: number, what: string): number {
  const declared = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  if (declared > BigInt(MAX_HEADER_BYTES))
    malformed(what, `a header of ${declared} bytes cannot be; this is no safetensors file`, {
      remedy: "Check that it is the right file.",
    });
  const length = Number(declared);
  if (length < 2) malformed(what, `a header of ${length} bytes cannot be`);
  if (8 + length > fileBytes)
    malformed(what, `the header takes ${length} bytes, but only ${fileBytes - 8} follow; the file is truncated`);
  return length;
}

/**
 * Parses and checks a header: every tensor inside the file, sizes as the shapes say, no overlap and no gap.
 *
 * @throws SpaAttnError MalformedFile
 */
export function parseHeader(header: Uint8Array, fileBytes: number, what: string): SafetensorsHeader {
  if (header[0] !== 0x7b) malformed(what, 'the header does not begin with "{"; this is no safetensors file');
  const { value: object, names } = parseJsonObject(decode(header, what), what);
  const start = 8 + header.length;
  const entries = names
    .filter((name) => name !== "__metadata__")
    .map((name) => parseEntry(name, object[name], start, what));
  checkLayout(entries, start, fileBytes, what);
  return {
    entries: new Map(entries.map((entry) => [entry.name, entry])),
    metadata: parseMetadata(object.__metadata__, what),
  };
}

function decode(header: Uint8Array, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(header);
  } catch (cause) {
    malformed(what, "the header is not UTF-8", { cause });
  }
}

const METADATA = { remedy: "Write the file again with metadata of strings alone." };

function parseMetadata(value: unknown, what: string): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value)) malformed(what, "__metadata__ is not an object", METADATA);
  for (const [key, text] of Object.entries(value))
    if (typeof text !== "string") malformed(what, `__metadata__.${key} is not a string`, METADATA);
  return value as Record<string, string>;
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function parseEntry(name: string, info: unknown, start: number, what: string): SafetensorsEntry {
  const refuse = (problem: string): never => malformed(what, `tensor ${JSON.stringify(name)} ${problem}`);
  if (!isRecord(info)) return refuse("is not described by an object");
  const { dtype, shape, data_offsets: offsets } = info;
  if (typeof dtype !== "string") return refuse("has no dtype");
  if (!Array.isArray(shape) || !shape.every(isSize)) return refuse("has no shape of non-negative integers");
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize))
    refuse("has no data_offsets [begin, end]");
  const [begin, end] = offsets as [number, number];
  if (end < begin) refuse(`ends at ${end}, before it begins at ${begin}`);
  const bits = fileTypeBits(dtype);
  const bytes = bits && shape.reduce<number>((product, size) => product * size, bits) / 8;
  if (bytes !== undefined && bytes !== end - begin)
    refuse(`is ${dtype} [${shape.join(", ")}], ${bytes} bytes, but takes ${end - begin}`);
  return { name, fileType: dtype, shape, offset: start + begin, bytes: end - begin };
}

function checkLayout(entries: SafetensorsEntry[], start: number, fileBytes: number, what: string): void {
  let end = start;
  let before: string | undefined;
  for (const { name, offset, bytes } of entries.toSorted((a, b) => a.offset - b.offset || a.bytes - b.bytes)) {
    if (offset < end) malformed(what, `tensor ${JSON.stringify(name)} overlaps tensor ${JSON.stringify(before)}`);
    if (offset > end) malformed(what, `${offset - end} bytes before tensor ${JSON.stringify(name)} belong to nothing`);
    end = offset + bytes;
    before = name;
  }
  if (end > fileBytes)
    malformed(
      what,
      `the tensors end at byte ${end}, but the file has ${fileBytes}; it is truncated or the offsets are wrong`,
    );
  if (end < fileBytes) malformed(what, `${fileBytes - end} bytes behind the last tensor belong to nothing`);
}
