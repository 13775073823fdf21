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
    // Pipes and devices have no size and no way back: they are read to their end once.
    if (!stat.isFile()) return new OpenStream(path, await file.readFile(), file);
    return new OpenFile(path, stat.size, file);
  } catch (cause) {
    await file?.close();
    throw fileError(path, cause);
  }
}

/** What came out of a pipe, in memory. */
class OpenStream implements FileSource {
  readonly size: number;

  constructor(
    readonly name: string,
    readonly bytes: Uint8Array,
    readonly file: FileHandle,
  ) {
    this.size = bytes.length;
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    target.set(this.bytes.subarray(offset, offset + target.length));
  }

  view(offset: number, length: number): Uint8Array {
    return this.bytes.subarray(offset, offset + length);
  }

  close(): Promise<void> {
    return this.file.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
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
