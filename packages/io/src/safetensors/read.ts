import { type HostTensor, SpaAttnError } from "@spaattn/core";
import { type ByteInput, type ByteSource, readBytes, toSource } from "../byte-source.js";
import { malformed } from "../malformed.js";
import { readTensor } from "../read-tensor.js";
import { fileTypeBits, fileTypeToDType } from "./dtypes.js";
import { headerLength, parseHeader, type SafetensorsEntry, type SafetensorsHeader } from "./header.js";

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
   * Reads one tensor; memory for that tensor alone is taken.
   *
   * @throws RangeError when there is no such tensor.
   * @throws SpaAttnError MalformedFile when its dtype does not exist, Unsupported when it has no counterpart here.
   */
  async tensor(name: string): Promise<HostTensor> {
    const { fileType, shape, offset } = this.entry(name);
    const dtype = fileTypeToDType(fileType);
    if (dtype) return readTensor(this.source, offset, dtype, shape);
    const at = `tensor ${JSON.stringify(name)} has dtype ${JSON.stringify(fileType)}`;
    if (fileTypeBits(fileType) === undefined)
      malformed(this.source.name, `${at}, which is unknown`, { remedy: "Write it as F32, F16 or BF16." });
    throw new SpaAttnError("Unsupported", `${this.source.name}: ${at}, which cannot be read as a tensor.`, {
      remedy: "Convert it to F64, F32, F16, BF16, I32, U16, U8 or BOOL, or take its bytes with bytes().",
    });
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
