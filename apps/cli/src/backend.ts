import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Backend, BackendProvider } from "@spaattn/attention";
import { SpaAttnError } from "@spaattn/core";
import { moduleResolve } from "import-meta-resolve";
import { resolveBackend } from "spaattn";

/** As Node itself resolves `import`; the checkout's sources where this very program runs from them. */
const CONDITIONS = new Set([
  "node",
  "import",
  ...process.execArgv.flatMap((flag) => flag.match(/^--conditions=(.+)$/)?.[1] ?? []),
]);

/** The project's own, as seen from here; the CPU backend is built into `spaattn`. */
const OWN: Readonly<Record<string, () => Promise<unknown>>> = {
  "@spaattn/backend-webgpu": () => import("@spaattn/backend-webgpu"),
  "@spaattn/backend-cuda": () => import("@spaattn/backend-cuda"),
  "@spaattn/reference": () => import("@spaattn/reference"),
};

/** Imports a backend module; files and packages as seen from the current directory. */
async function importFromHere(specifier: string): Promise<unknown> {
  if (Object.hasOwn(OWN, specifier)) return OWN[specifier]();
  const path = resolve(specifier);
  if (/^\.{0,2}[\\/]|^[a-zA-Z]:[\\/]/.test(specifier) || existsSync(path)) return import(pathToFileURL(path).href);
  const here = pathToFileURL(`${process.cwd()}/`);
  return import(moduleResolve(specifier, here, CONDITIONS).href);
}

/** The provider that `--backend` names. */
export const findProvider = (name: string): Promise<BackendProvider> =>
  resolveBackend(name, { import: importFromHere });

/**
 * Starts the backend that `--backend` names.
 *
 * @throws SpaAttnError BackendUnavailable with the reason and remedy of its probe
 */
export async function startBackend(name: string): Promise<Backend> {
  const provider = await findProvider(name);
  const probe = await provider.probe();
  if (!probe.available)
    throw new SpaAttnError("BackendUnavailable", `Backend "${provider.name}" is not available: ${probe.reason}`, {
      remedy: probe.remedy,
    });
  return provider.create();
}

/** Starts a backend for one piece of work and disposes it afterwards. */
export async function withBackend<T>(name: string, use: (backend: Backend) => Promise<T>): Promise<T> {
  const backend = await startBackend(name);
  try {
    return await use(backend);
  } finally {
    backend.dispose();
  }
}
