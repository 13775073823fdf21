import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../../../shared/golden/", import.meta.url));

/** Case files, paper and tail; the curve file is no matter of a backend. Empty, loudly, when they are not here. */
export function goldenFiles(filter = ""): string[] {
  if (!existsSync(folder)) {
    console.warn(`SKIPPED: the golden files are not here (${folder}); the cpu backend was not checked against them.`);
    return [];
  }
  return readdirSync(folder).filter(
    (name) => name.endsWith(".safetensors") && name !== "curve.safetensors" && name.includes(filter),
  );
}

/** Files of the levels tail: some of the cases, and captures of a trained model. */
export function levelsFiles(): string[] {
  if (!existsSync(`${folder}levels`)) {
    console.warn(`SKIPPED: the golden files of levels are not here (${folder}levels).`);
    return [];
  }
  return readdirSync(`${folder}levels`)
    .filter((name) => name.endsWith(".safetensors"))
    .map((name) => `levels/${name}`);
}

export const goldenBytes = async (name: string): Promise<Uint8Array> => readFileSync(folder + name);
