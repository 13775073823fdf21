import { openSafetensors, type Safetensors } from "../safetensors/read.js";
import { type NamedTensors, safetensorsChunks } from "../safetensors/write.js";
import { fileSource } from "./file-source.js";
import { type WriteOptions, writeFileWhole } from "./write-file.js";

/**
 * Opens a safetensors file for `use` and closes it afterwards.
 *
 * @throws SpaAttnError FileAccess or MalformedFile
 */
export async function withSafetensors<T>(path: string, use: (file: Safetensors) => Promise<T>): Promise<T> {
  const source = await fileSource(path);
  try {
    return await use(await openSafetensors(source));
  } finally {
    await source.close();
  }
}

/**
 * Writes tensors to a safetensors file, one after the other; the file appears when it is complete.
 *
 * @throws SpaAttnError FileAccess, also when the file exists and `force` is not set.
 */
export function writeSafetensors(
  path: string,
  tensors: NamedTensors,
  options: WriteOptions & { readonly metadata?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  return writeFileWhole(path, safetensorsChunks(tensors, options.metadata), options);
}
