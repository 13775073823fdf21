import { stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SpaAttnError } from "@spaattn/core";
import type { Folder } from "@spaattn/weights";
import { directoryFolder } from "@spaattn/weights/node";
import { UsageError } from "../errors.js";

const REMEDY =
  "Give --model tiny-wan, which comes along, or the folder of a Wan model as diffusers saves it (with model_index.json).";

/**
 * The folder that `--model` names.
 *
 * @throws UsageError or SpaAttnError FileAccess where there is none
 */
export async function modelFolder(name: string): Promise<Folder> {
  if (name === "tiny-wan") return directoryFolder(fileURLToPath((await import("@spaattn/tiny-wan")).folder));
  const found = await stat(name).catch(() => undefined);
  if (!found) throw new UsageError(`--model ${name}: there is no such folder, and no model of that name.`, REMEDY);
  if (!found.isDirectory()) throw new UsageError(`--model ${name} is a file, not a folder.`, REMEDY);
  if (!(await stat(join(name, "model_index.json")).catch(() => undefined)))
    throw new SpaAttnError("FileAccess", `${name}: there is no model_index.json in it.`, { remedy: REMEDY });
  return directoryFolder(name);
}
