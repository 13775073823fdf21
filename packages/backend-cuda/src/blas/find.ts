import { existsSync, readdirSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

const WINDOWS = process.platform === "win32";
const NAMES = WINDOWS
  ? ["cublasLt64_13.dll", "cublasLt64_12.dll"]
  : ["libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"];

/**
 * Where cuBLASLt may be, the likeliest first: the path given, what the system's loader finds, the CUDA toolkit, and the
 * `nvidia-cublas` packages of Python environments.
 */
export function cublasPaths(given?: string): string[] {
  if (given !== undefined) return [given];
  const found = [...toolkitFolders(), ...pythonFolders()].flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return [...NAMES, ...found.filter((path) => existsSync(path))];
}

function toolkitFolders(): string[] {
  const roots = [process.env.CUDA_HOME, process.env.CUDA_PATH, "/usr/local/cuda", "/opt/cuda"];
  return roots.flatMap((root) => (root ? [join(root, "lib64"), join(root, "bin"), join(root, "bin", "x64")] : []));
}

function pythonFolders(): string[] {
  const onPath = (process.env.PATH ?? "").split(delimiter).filter((folder) => existsSync(join(folder, "python3")));
  const prefixes = [process.env.VIRTUAL_ENV, process.env.CONDA_PREFIX, ...onPath.map(dirname)];
  return [...new Set(prefixes)].flatMap((prefix) => (prefix ? packageFolders(prefix) : []));
}

function packageFolders(prefix: string): string[] {
  const libraries = WINDOWS ? [join(prefix, "Lib")] : pythonsIn(join(prefix, "lib"));
  return libraries.flatMap((library) =>
    ["cu13", "cublas"].map((name) => join(library, "site-packages", "nvidia", name, WINDOWS ? "bin" : "lib")),
  );
}

function pythonsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.startsWith("python3"))
    .map((name) => join(folder, name));
}
