import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The folder of golden files beside the repository; not part of it. */
const GOLDEN = fileURLToPath(new URL("../../../../shared/golden/", import.meta.url));

/** A golden JSON file, or undefined with a loud reason when it is not there. */
export function golden<T>(name: string, ctx: { skip(reason: string): void }): T | undefined {
  if (existsSync(GOLDEN + name)) return JSON.parse(readFileSync(GOLDEN + name, "utf8")) as T;
  console.warn(`SKIPPED: ${name} is not there (golden files are expected in ../shared/golden)`);
  ctx.skip(`${name} is missing`);
  return undefined;
}
