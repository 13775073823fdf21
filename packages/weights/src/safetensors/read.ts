import type { HostTensor } from "@spaattn/core";
import { type ByteInput, type ByteSource, readBytes, toSource } from "../byte-source.js";
import { malformed } from "../malformed.js";
import { headerLength, parseHeader, type SafetensorsEntry, type SafetensorsHeader } from "./header.js";
import { type Rows, readRows } from "./read-rows.js";

/** An open safetensors file: the header is read and checked, the tensors are read one by one on demand. */
export class Safetensors {
  constructor(
    readonly source: ByteSource,
    readonly header: SafetensorsHeader,
  ) {}

  /** `__metadata__`, strings only. */
  get metadata(): Readonly<Record<string, string>> {
    return this.header.metadata;
  }

  /** Names in the order of the header. */
  get names(): string[] {
    return [...this.header.entries.keys()];
  }

  has(name: string): boolean {
    return this.header.entries.has(name);
  }

  /** @throws RangeError when there is no such tensor. */
  entry(name: string): SafetensorsEntry {
    const entry = this.header.entries.get(name);
    if (entry) return entry;
    throw new RangeError(`${this.source.name} has no tensor ${JSON.stringify(name)} (it has ${list(this.names)})`);
  }

  /**
   * Reads one tensor, or some of its rows; memory for those alone is taken.
   *
   * Integers of other widths become i32.
   *
   * @throws RangeError when there is no such tensor.
   * @throws SpaAttnError MalformedFile when its dtype does not exist, Unsupported when it has no counterpart here.
   */
  async tensor(name: string, rows?: Rows): Promise<HostTensor> {
    return readRows(this.source, this.entry(name), rows);
  }

  /** The raw bytes of one tensor. */
  async bytes(name: string): Promise<Uint8Array> {
    const { offset, bytes } = this.entry(name);
    return this.source.view?.(offset, bytes) ?? readBytes(this.source, offset, bytes);
  }
}

/**
 * Opens a safetensors file and checks its header completely.
 *
 * @throws SpaAttnError MalformedFile
 */
export async function openSafetensors(input: ByteInput): Promise<Safetensors> {
  const source = toSource(input);
  const { name, size } = source;
  if (size < 8) malformed(name, `a file of ${size} bytes is no safetensors file`);
  const length = headerLength(await readBytes(source, 0, 8), size, name);
  return new Safetensors(source, parseHeader(await readBytes(source, 8, length), size, name));
}

const list = (names: string[]) => (names.length > 12 ? [...names.slice(0, 12), "..."] : names).join(", ") || "none";
