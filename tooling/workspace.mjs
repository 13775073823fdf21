import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Directories and manifests of all workspace packages that are published. */
export function publicPackages() {
  return ["packages", "apps"]
    .flatMap((room) => readdirSync(join(root, room)).map((name) => join(root, room, name)))
    .filter((directory) => existsSync(join(directory, "package.json")))
    .map((directory) => ({ directory, manifest: JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) }))
    .filter(({ manifest }) => !manifest.private);
}
