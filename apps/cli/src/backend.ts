import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Backend, BackendProvider } from "@spaattn/attention";
import { isSpaAttnError, SpaAttnError } from "@spaattn/core";
import { moduleResolve } from "import-meta-resolve";
import { messageAndPlace, probeBackend, resolveBackend, startBackend } from "spaattn";
import { UsageError } from "./errors.js";

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
export async function findProvider(name: string): Promise<BackendProvider> {
  try {
    return await during(`loading backend "${name}"`, () => resolveBackend(name, { import: importFromHere }));
  } catch (error) {
    // The engine keeps the place of a syntax error to itself, but says it when asked to check the file.
    const place = isSpaAttnError(error) && (error.cause as Error)?.name === "SyntaxError" && syntaxErrorOf(name);
    if (!place || !isSpaAttnError(error) || error.message.includes(place)) throw error;
    const message = `${error.message.replace(/\.$/, "")} (${place}).`;
    throw new SpaAttnError(error.code, message, { remedy: error.remedy, cause: error.cause });
  }
}

/** `file:line` of the syntax error in a backend's file. */
function syntaxErrorOf(specifier: string): string | undefined {
  const path = resolve(specifier);
  if (!existsSync(path)) return undefined;
  const { stderr } = spawnSync(process.execPath, ["--check", path], { encoding: "utf8" });
  const found = stderr.match(/^(?:file:\/\/)?(.+):(\d+)$/m);
  return found ? `${decodeURI(found[1])}:${found[2]}` : path;
}

/** What is being waited for, for the case that it never comes. */
const waits: string[] = [];
export const waitingFor = (): string => waits.at(-1) ?? "the command";

async function during<T>(what: string, action: () => Promise<T>): Promise<T> {
  waits.push(what);
  try {
    return await action();
  } finally {
    waits.splice(waits.indexOf(what), 1);
  }
}

export interface BackendFlags {
  readonly backend: string;
  readonly threads?: number;
}

/**
 * Starts the backend that `--backend` names.
 *
 * @throws SpaAttnError BackendUnavailable with the reason and remedy of its probe
 */
async function startNamed({ backend: name, threads }: BackendFlags): Promise<Backend> {
  if (threads !== undefined && name !== "cpu")
    throw new UsageError(`--threads applies to --backend cpu, not to ${name}.`);
  const provider = await findProvider(name);
  const probe = await during(`probe() of backend "${provider.name}"`, () => probeBackend(provider));
  if (!probe.available)
    throw placed(
      new SpaAttnError("BackendUnavailable", `Backend "${provider.name}" is not available: ${probe.reason}`, {
        remedy: probe.remedy,
      }),
      name,
      "probe",
    );
  const create = threads === undefined ? {} : { create: { threads } };
  try {
    return await during(`create() of backend "${provider.name}"`, () => startBackend(provider, create));
  } catch (error) {
    throw isSpaAttnError(error) ? placed(error, name, "create") : error;
  }
}

/** The same error with the backend's file, and the line of the method that is to blame, where it says neither. */
function placed(error: SpaAttnError, specifier: string, method: string): SpaAttnError {
  const path = resolve(specifier);
  if (!existsSync(path) || error.message.includes(path)) return error;
  const lines = readFileSync(path, "utf8").split("\n");
  const line = lines.findIndex((text) => new RegExp(`\\b${method}\\b`).test(text)) + 1;
  const message = `${error.message.replace(/\.$/, "")} (${path}${line > 0 ? `:${line}` : ""}).`;
  return new SpaAttnError(error.code, message, { remedy: error.remedy, cause: error.cause });
}

/** Starts a backend for one piece of work and disposes it afterwards. */
export async function withBackend<T>(flags: BackendFlags, use: (backend: Backend) => Promise<T>): Promise<T> {
  const backend = await startNamed(flags);
  try {
    return await during(`a run on backend "${backend.name}"`, () => use(backend));
  } catch (error) {
    throw blamed(error, flags.backend, backend.name);
  } finally {
    backend.dispose();
  }
}

/** An error of a backend file's own code, named as that: it is no wrong usage, whatever its class. */
function blamed(error: unknown, specifier: string, name: string): unknown {
  if (!(error instanceof Error) || isSpaAttnError(error) || error instanceof UsageError) return error;
  const path = resolve(specifier);
  if (!existsSync(path) || !error.stack?.includes(path)) return error;
  return new Error(`Backend "${name}" failed: ${messageAndPlace(error)}`, { cause: error });
}
