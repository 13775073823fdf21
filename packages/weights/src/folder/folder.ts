import { type ByteSource, readBytes } from "../byte-source.js";
import { parseJsonObject } from "../json-object.js";
import { malformed } from "../malformed.js";

/**
 * Files under a common root, wherever they are.
 *
 * `memoryFolder`, `blobFolder` and `httpFolder` make one, `directoryFolder` of `@spaattn/weights/node` from a path.
 */
export interface Folder {
  /** Shown in error messages. */
  readonly name: string;
  /**
   * Opens a file; undefined where there is none. Paths are relative, with `/`.
   *
   * @throws SpaAttnError FileAccess
   */
  open(path: string): Promise<OpenFile | undefined>;
}

export interface OpenFile extends ByteSource {
  /** Where something stays open until it is closed. */
  close?(): Promise<void>;
}

/** Configurations and indexes are small; anything longer is something else. */
const MOST_TEXT_BYTES = 256 << 20;

/** A file as text; undefined where there is none. */
export async function readText(folder: Folder, path: string): Promise<string | undefined> {
  const bytes = await readFile(folder, path);
  if (!bytes) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    malformed(`${folder.name}/${path}`, "it is not UTF-8", { cause });
  }
}

/** A whole file; undefined where there is none. */
export async function readFile(folder: Folder, path: string): Promise<Uint8Array | undefined> {
  const file = await folder.open(path);
  if (!file) return undefined;
  try {
    if (file.size > MOST_TEXT_BYTES) malformed(file.name, `${file.size} bytes are too many for such a file`);
    return await readBytes(file, 0, file.size);
  } finally {
    await file.close?.();
  }
}

/** A file that holds a JSON object; undefined where there is none. */
export async function readJson(folder: Folder, path: string): Promise<Record<string, unknown> | undefined> {
  const text = await readText(folder, path);
  return text === undefined ? undefined : parseJsonObject(text, `${folder.name}/${path}`, "the file").value;
}
