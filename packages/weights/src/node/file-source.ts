import { type FileHandle, open } from "node:fs/promises";
import type { ByteSource } from "../byte-source.js";
import { malformed } from "../malformed.js";
import { fileError } from "./file-error.js";

/** One read call takes at most 2 GiB on Linux. */
const CHUNK = 1 << 30;

/** An open file; close it when done. */
export interface FileSource extends ByteSource {
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Opens a file for random access.
 *
 * @throws SpaAttnError FileAccess
 */
export async function fileSource(path: string): Promise<FileSource> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    const stat = await file.stat();
    if (stat.isDirectory()) throw Object.assign(new Error("is a directory"), { code: "EISDIR" });
    return new OpenFile(path, stat.size, file);
  } catch (cause) {
    await file?.close();
    throw fileError(path, cause);
  }
}

class OpenFile implements FileSource {
  constructor(
    readonly name: string,
    readonly size: number,
    readonly file: FileHandle,
  ) {}

  async read(offset: number, target: Uint8Array): Promise<void> {
    let at = 0;
    while (at < target.length) {
      const length = Math.min(CHUNK, target.length - at);
      const { bytesRead } = await this.file.read(target, at, length, offset + at);
      if (bytesRead === 0)
        malformed(this.name, `the file ends at byte ${offset + at}; it became shorter while being read`);
      at += bytesRead;
    }
  }

  close(): Promise<void> {
    return this.file.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
