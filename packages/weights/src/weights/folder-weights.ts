import { type HostTensor, SpaAttnError, sameShape, throwIfAborted } from "@spaattn/core";
import { readBytes } from "../byte-source.js";
import { malformed } from "../malformed.js";
import { fileTypeReadAs } from "../safetensors/dtypes.js";
import type { SafetensorsEntry } from "../safetensors/header.js";
import type { Safetensors } from "../safetensors/read.js";
import { alike } from "./alike.js";
import type { Shards } from "./shards.js";
import type { ReadOptions, StreamOptions, WeightEntry, Weights } from "./weights.js";

const CHUNK = 4 << 20;

/** Weights in the files of a folder. */
export class FolderWeights implements Weights {
  readonly #shards: Shards;
  readonly #files: ReadonlyMap<string, string>;

  /** @param files the file of every tensor */
  constructor(
    readonly name: string,
    shards: Shards,
    files: ReadonlyMap<string, string>,
  ) {
    this.#shards = shards;
    this.#files = files;
  }

  get names(): readonly string[] {
    return [...this.#files.keys()];
  }

  has(name: string): boolean {
    return this.#files.has(name);
  }

  async entry(name: string, expected: { shape?: readonly number[] } = {}): Promise<WeightEntry> {
    const { file, entry } = await this.#find(name, expected.shape);
    const { fileType, shape, bytes } = entry;
    const dtype = fileTypeReadAs(fileType);
    if (!dtype)
      throw new SpaAttnError(
        "Unsupported",
        `${file.source.name}: tensor ${JSON.stringify(name)} has dtype ${fileType}, which cannot be read.`,
        { remedy: "Convert it to F32, F16 or BF16." },
      );
    return { name, dtype, fileType, shape, bytes, file: file.source.name };
  }

  async read(name: string, options: ReadOptions = {}): Promise<HostTensor> {
    const { file } = await this.#find(name, options.shape);
    return file.tensor(name, options.rows);
  }

  async *stream(name: string, options: StreamOptions = {}): AsyncGenerator<Uint8Array> {
    const { chunkBytes = CHUNK, signal } = options;
    if (!(Number.isSafeInteger(chunkBytes) && chunkBytes > 0))
      throw new RangeError(`options.chunkBytes must be a positive integer, got ${chunkBytes}`);
    const { file, entry } = await this.#find(name);
    for (let at = 0; at < entry.bytes; at += chunkBytes) {
      throwIfAborted(signal);
      yield await readBytes(file.source, entry.offset + at, Math.min(chunkBytes, entry.bytes - at));
    }
  }

  async check(): Promise<void> {
    for (const name of this.#files.keys()) await this.#find(name);
  }

  close(): Promise<void> {
    return this.#shards.close();
  }

  async #find(name: string, shape?: readonly number[]): Promise<{ file: Safetensors; entry: SafetensorsEntry }> {
    const path = this.#files.get(name);
    const wanted = `tensor ${JSON.stringify(name)}${shape ? ` of shape [${shape.join(", ")}]` : ""}`;
    if (path === undefined)
      malformed(this.name, `${wanted} is missing${alike(name, this.names)}`, {
        remedy: "Check that these are the weights of this model, in the names of diffusers and transformers.",
      });
    const file = await this.#shards.open(path, this.name);
    if (!file.has(name))
      malformed(file.source.name, `${wanted} is missing, although ${this.name} puts it there`, {
        remedy: "Index and shards belong to different versions of the model; download all of them again.",
      });
    const entry = file.entry(name);
    if (shape && !sameShape(shape, entry.shape))
      malformed(
        file.source.name,
        `tensor ${JSON.stringify(name)} has shape [${entry.shape.join(", ")}], but [${shape.join(", ")}] is expected`,
        { remedy: "Configuration and weights belong to different models." },
      );
    return { file, entry };
  }
}
