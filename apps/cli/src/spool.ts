import { createReadStream, createWriteStream, rmSync } from "node:fs";
import { mkdtemp, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { UsageError } from "./errors.js";

/** A file that can be read at any place, and what to call it. */
export interface Spooled {
  readonly path: string;
  readonly name: string;
}

let folder: string | undefined;
let taken = 0;

/**
 * The file of an argument. Standard input (`-`) and pipes are copied to a temporary file, since headers are read before
 * what they describe; it goes when the process does.
 */
export async function spool(path: string): Promise<Spooled> {
  if (path === "-" && process.stdin.isTTY)
    throw new UsageError("Standard input is a terminal, and no file.", "For example: spaattn compare - < clip.gif");
  const piped = path === "-" || (await stat(path).catch(() => undefined))?.isFIFO() === true;
  if (!piped) return { path, name: path };
  if (!folder) {
    const made = await mkdtemp(join(tmpdir(), "spaattn-"));
    process.on("exit", () => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  const copy = join(folder, String(taken++));
  await pipeline(path === "-" ? process.stdin : createReadStream(path), createWriteStream(copy));
  return { path: copy, name: path === "-" ? "standard input" : path };
}
