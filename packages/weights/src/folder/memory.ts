import { bytesSource } from "../byte-source.js";
import type { Folder } from "./folder.js";

/** Files in memory, by path. Tensors read from them share their memory where the alignment allows. */
export function memoryFolder(files: Readonly<Record<string, Uint8Array | string>>, name = "memory"): Folder {
  return {
    name,
    async open(path) {
      if (!Object.hasOwn(files, path)) return undefined;
      const file = files[path];
      return bytesSource(typeof file === "string" ? new TextEncoder().encode(file) : file, `${name}/${path}`);
    },
  };
}
