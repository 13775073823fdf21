import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
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

/** Entry points and their types that a package's manifest promises to publish, where all of them are there; else none. */
export function builtFiles(directory) {
  const { publishConfig, exports, bin } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
  const entries = Object.values(publishConfig?.exports ?? exports ?? {}).filter((entry) => typeof entry === "object");
  const files = entries
    .flatMap(({ types, default: main }) => [types, main])
    .filter((file) => file?.startsWith("./dist/"));
  // A program has no entry points; its own file is built.
  if (files.length === 0 && bin) files.push("./dist/main.js");
  const paths = files.map((file) => join(directory, file));
  return paths.every((file) => existsSync(file)) ? paths : [];
}

/** Milliseconds of the last change of any file in a folder. */
export function newest(folder) {
  let latest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true }))
    if (entry.isFile()) latest = Math.max(latest, statSync(join(entry.parentPath ?? entry.path, entry.name)).mtimeMs);
  return latest;
}

/** Milliseconds of the file that was changed longest ago. */
export const oldest = (files) => Math.min(...files.map((file) => statSync(file).mtimeMs));
