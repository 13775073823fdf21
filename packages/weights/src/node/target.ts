import { constants, type Stats } from "node:fs";
import { access, lstat, readlink, realpath, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { SpaAttnError } from "@spaattn/core";
import { fileError } from "./file-error.js";

/** Where bytes written "to a path" really go. */
export type Target =
  /** A plain file, there or not: written beside and renamed. Links are followed, so that they stay links. */
  | { readonly kind: "file"; readonly path: string; readonly mode?: number }
  /** A device, pipe or socket: written straight into; there is nothing to replace. */
  | { readonly kind: "stream"; readonly path: string };

/** Longest chain of links that is followed, as in Linux. */
const MOST_LINKS = 40;

/**
 * Finds out what a path is before anything is written or computed.
 *
 * @throws SpaAttnError FileAccess for a folder, a file that exists (without `force`), a missing or closed folder.
 */
export async function findTarget(path: string, force: boolean): Promise<Target> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw fileError(path, error);
  });
  if (found?.isDirectory()) throw fileError(path, Object.assign(new Error("is a folder"), { code: "EISDIR" }));
  // What stands behind /dev/stdout may be a plain file that somebody else holds open: it must not be replaced either.
  if (found && (!found.isFile() || isDevice(resolve(path)))) return { kind: "stream", path };
  if (found && !force) throw alreadyThere(path);
  const target = found ? await realpath(path) : await behindLinks(path);
  await checkFolder(dirname(target));
  return { kind: "file", path: target, ...(found ? { mode: found.mode & 0o7777 } : {}) };
}

const isDevice = (path: string): boolean => /^\/(dev|proc)\//.test(path);

/** The path that a link to nothing names; the path itself where it is no link. */
async function behindLinks(path: string): Promise<string> {
  let at = resolve(path);
  for (let i = 0; i < MOST_LINKS; i++) {
    const link = await lstat(at).catch(() => undefined);
    if (!link?.isSymbolicLink()) return at;
    at = resolve(dirname(at), await readlink(at));
  }
  throw fileError(path, Object.assign(new Error("too many links"), { code: "ELOOP" }));
}

async function checkFolder(folder: string): Promise<void> {
  let found: Stats;
  try {
    found = await stat(folder);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    if (!missing) throw fileError(folder, cause);
    throw new SpaAttnError("FileAccess", `The folder ${folder} does not exist.`, {
      remedy: `Create it first: mkdir -p ${folder}`,
      cause,
    });
  }
  if (!found.isDirectory())
    throw new SpaAttnError("FileAccess", `${folder} is no folder.`, { remedy: "Choose another path." });
  await access(folder, constants.W_OK).catch((cause) => {
    throw fileError(folder, cause);
  });
}

export const alreadyThere = (path: string) =>
  new SpaAttnError("FileAccess", `${path} exists already.`, {
    remedy: "Choose another name, or allow overwriting (`force: true`, on the command line --force).",
  });

/**
 * Checks that a file can be written, before the work whose result it is to hold.
 *
 * @throws SpaAttnError FileAccess as `writeFileWhole` would, in good time.
 */
export async function checkWritable(path: string, { force = false }: { readonly force?: boolean } = {}): Promise<void> {
  await findTarget(path, force);
}

/** True when two paths lead to one and the same file, through whatever links. */
export async function isSameFile(a: string, b: string): Promise<boolean> {
  const [x, y] = await Promise.all([a, b].map((path) => stat(path, { bigint: true }).catch(() => undefined)));
  return x !== undefined && y !== undefined && x.isFile() && x.dev === y.dev && x.ino === y.ino;
}
