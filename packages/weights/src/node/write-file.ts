import { randomBytes } from "node:crypto";
import { type FileHandle, link, open, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isSpaAttnError } from "@spaattn/core";
import { fileError } from "./file-error.js";
import { alreadyThere, findTarget } from "./target.js";

export interface WriteOptions {
  /** Replace a file that is there already. */
  readonly force?: boolean;
}

/**
 * Writes chunks to a temporary file beside `path` and gives it its name at the end: nobody ever sees half a file, and
 * a failure leaves what was there. Links stay links and a replaced file keeps its permissions; devices and pipes are
 * written into as the chunks come.
 *
 * @throws SpaAttnError FileAccess, also when the file exists and `force` is not set.
 */
export async function writeFileWhole(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  { force = false }: WriteOptions = {},
): Promise<void> {
  // Asked first, so that nothing long is computed in vain; the link below asks again.
  const target = await findTarget(path, force);
  if (target.kind === "stream") return writeInto(path, chunks);
  const temporary = join(dirname(target.path), `.${basename(target.path)}.${randomBytes(6).toString("hex")}.tmp`);
  let file: FileHandle | undefined;
  try {
    file = await open(temporary, "wx", target.mode ?? 0o666);
    if (target.mode !== undefined) await file.chmod(target.mode);
    for await (const chunk of chunks) await writeAll(file, chunk);
    await file.sync();
    await file.close();
    file = undefined;
    await publish(temporary, target.path, force);
  } catch (cause) {
    await file?.close().catch(() => {});
    await unlink(temporary).catch(() => {});
    throw explained(path, cause);
  }
}

async function writeInto(path: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "w");
    for await (const chunk of chunks) await writeAll(file, chunk);
  } catch (cause) {
    throw explained(path, cause);
  } finally {
    await file?.close();
  }
}

/** Errors of the file system in our words; those of whoever makes the chunks as they are. */
function explained(path: string, cause: unknown): unknown {
  const system = typeof (cause as NodeJS.ErrnoException)?.syscall === "string";
  return system && !isSpaAttnError(cause) ? fileError(path, cause) : cause;
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; )
    at += (await file.write(chunk, at, Math.min(chunk.length - at, 1 << 30))).bytesWritten;
}

async function publish(temporary: string, path: string, force: boolean): Promise<void> {
  if (force) return rename(temporary, path);
  try {
    // A link never replaces, a rename does.
    await link(temporary, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") throw alreadyThere(path);
    // Some file systems have no hard links.
    if (await exists(path)) throw alreadyThere(path);
    return rename(temporary, path);
  }
  await unlink(temporary);
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return false;
      throw fileError(path, error);
    },
  );
