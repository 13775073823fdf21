import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Backend } from "@spaattn/attention";
import {
  type Check,
  checkModelGrids,
  type GoldenFile,
  type ModelGrid,
  type Outcome,
  readGolden,
  runGolden,
} from "@spaattn/conformance";
import { SpaAttnError, throwIfAborted } from "@spaattn/core";
import { withSafetensors } from "@spaattn/io/node";

const GRIDS = "curve_model_grids.json";

export interface GoldenProgress {
  readonly signal: AbortSignal;
  readonly onFile: (name: string, done: number) => void;
  readonly onChecks: (checks: readonly Check[]) => void;
}

/**
 * The files of a folder that can be checked.
 *
 * @throws SpaAttnError FileAccess when the folder cannot be read or holds none.
 */
export async function goldenFiles(folder: string, filter = ""): Promise<string[]> {
  const all = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    throw new SpaAttnError(
      "FileAccess",
      `${folder}: ${cause.code === "ENOENT" ? "there is no such folder" : cause.message}`,
      {
        remedy: "Give the folder that holds the golden files (*.safetensors).",
        cause,
      },
    );
  });
  const files = all.filter((name) => name.endsWith(".safetensors") || name === GRIDS).sort();
  if (files.length === 0)
    throw new SpaAttnError("FileAccess", `${folder} holds no golden files.`, {
      remedy: "Give the folder that holds the golden files (*.safetensors).",
    });
  return files.filter((name) => name.includes(filter));
}

/** Checks files of a folder one after the other. */
export async function verifyGolden(
  backend: Backend,
  folder: string,
  files: readonly string[],
  progress: GoldenProgress,
): Promise<Check[]> {
  const { signal } = progress;
  const open = (name: string): Promise<GoldenFile> => {
    const file = name.endsWith(".safetensors") ? name : `${name}.safetensors`;
    return withSafetensors(join(folder, file), (source) => readGolden(source, file.replace(/\.safetensors$/, "")));
  };
  const checks: Check[] = [];
  for (const [i, name] of files.entries()) {
    throwIfAborted(signal);
    progress.onFile(name, i / files.length);
    const fresh = name === GRIDS ? await checkGrids(join(folder, name)) : await checkFile(backend, name, open, signal);
    checks.push(...fresh);
    progress.onChecks(fresh);
  }
  return checks;
}

/** A file that cannot be read is a failed check; the others still run. */
async function checkFile(
  backend: Backend,
  name: string,
  open: (name: string) => Promise<GoldenFile>,
  signal: AbortSignal,
): Promise<Check[]> {
  try {
    return await runGolden(backend, await open(name), { open, signal });
  } catch (error) {
    throwIfAborted(signal);
    return [{ suite: "golden", case: name, tensor: "file", ok: false, note: (error as Error).message }];
  }
}

/** The curve tables of whole model grids, by their hashes. */
async function checkGrids(path: string): Promise<Check[]> {
  const checks: Check[] = [];
  const report = (tensor: string, outcome: Outcome) => checks.push({ suite: "curve", case: GRIDS, tensor, ...outcome });
  try {
    await checkModelGrids(JSON.parse(await readFile(path, "utf8")) as ModelGrid[], report);
  } catch (error) {
    report("file", { ok: false, note: (error as Error).message });
  }
  return checks;
}
