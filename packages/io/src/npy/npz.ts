import type { HostTensor } from "@spaattn/core";
import { type ByteInput, bytesSource, toSource } from "@spaattn/weights";
import { type ZipEntry, zipBytes, zipChunks, zipEntries } from "../zip.js";
import { readNpy } from "./read.js";
import { npyChunks } from "./write.js";

/** An open npz file (`numpy.savez`, `numpy.savez_compressed`): the arrays are read one by one on demand. */
export interface Npz {
  /** Names of the arrays, in the order of the file. */
  readonly names: readonly string[];
  has(name: string): boolean;
  /** @throws RangeError when there is no such array; SpaAttnError as `readNpy`. */
  tensor(name: string): Promise<HostTensor>;
}

/**
 * Opens an npz file.
 *
 * @throws SpaAttnError MalformedFile
 */
export async function openNpz(input: ByteInput): Promise<Npz> {
  const source = toSource(input);
  const entries = new Map<string, ZipEntry>();
  for (const entry of await zipEntries(source))
    if (entry.name.endsWith(".npy")) entries.set(entry.name.slice(0, -4), entry);
  return {
    names: [...entries.keys()],
    has: (name) => entries.has(name),
    async tensor(name) {
      const entry = entries.get(name);
      if (!entry)
        throw new RangeError(
          `${source.name} has no array ${JSON.stringify(name)} (it has ${[...entries.keys()].join(", ") || "none"})`,
        );
      return readNpy(bytesSource(await zipBytes(source, entry), `${source.name}: ${entry.name}`));
    },
  };
}

/** An npz file, piece by piece. @throws TypeError for bf16, which numpy does not have. */
export function* npzChunks(tensors: Readonly<Record<string, HostTensor>>): Generator<Uint8Array> {
  yield* zipChunks(Object.entries(tensors).map(([name, tensor]) => [`${name}.npy`, npyChunks(tensor)] as const));
}
