import type { Backend, BackendProvider } from "@spaattn/attention";
import { cpu } from "@spaattn/backend-cpu";
import { describeValue, SpaAttnError } from "@spaattn/core";
import { KNOWN_BACKENDS } from "./known-backends.js";
import { inTime, messageAndPlace, type Patience } from "./start-backend.js";
import { suggestBackend } from "./suggest-backend.js";

/** A known name, a package, a file (`./my-backend.js`), a provider, or a backend that already runs. */
export type BackendChoice = string | BackendProvider | Backend;

export interface ResolveOptions extends Patience {
  /** Loads a module by specifier. Default: `import()` as seen from this package. */
  readonly import?: (specifier: string) => Promise<unknown>;
}

// Built here and not a literal, so that bundlers leave packages alone that are not installed.
const importModule = (specifier: string): Promise<unknown> =>
  import(/* @vite-ignore */ /* webpackIgnore: true */ specifier);

/**
 * The provider a choice stands for. `"cpu"` is built in; `"webgpu"`, `"cuda"` and `"reference"` come from their packages;
 * anything else is imported as a package or file and must export a `BackendProvider`.
 *
 * @throws TypeError when the choice, or what the module exports, is no provider.
 * @throws SpaAttnError `BackendUnavailable` when the module cannot be loaded.
 */
export async function resolveBackend(
  choice: string | BackendProvider,
  options: ResolveOptions = {},
): Promise<BackendProvider> {
  if (isProvider(choice)) return choice;
  if (typeof choice !== "string" || choice === "")
    throw new TypeError(
      `backend must be a name, a package, a file or a BackendProvider (name, probe, create), got ${describeValue(choice)}`,
    );
  if (choice === "cpu") return cpu;
  const known = KNOWN_BACKENDS.find(({ name }) => name === choice);
  const meant = suggestBackend(choice);
  // Names of packages are lower case: this can only be a name of ours, written another way.
  if (!known && meant === choice.toLowerCase())
    throw new SpaAttnError("BackendUnavailable", `There is no backend "${choice}". Did you mean "${meant}"?`, {
      remedy: `Names are lower case: ${KNOWN_BACKENDS.map(({ name }) => name).join(", ")}.`,
    });
  const specifier = known?.package ?? choice;
  let module: unknown;
  try {
    module = await inTime(() => (options.import ?? importModule)(specifier), "import", options.patience);
  } catch (cause) {
    throw unavailable(choice, specifier, cause);
  }
  return providerOf(module, specifier);
}

/** True for an object with the members of a `BackendProvider`. */
export const isProvider = (value: unknown): value is BackendProvider =>
  typeof value === "object" &&
  value !== null &&
  typeof (value as BackendProvider).name === "string" &&
  typeof (value as BackendProvider).probe === "function" &&
  typeof (value as BackendProvider).create === "function";

/** True for a running backend. */
export const isBackend = (value: unknown): value is Backend =>
  typeof value === "object" &&
  value !== null &&
  typeof (value as Backend).attend === "function" &&
  "capabilities" in value;

/** The default export, or the only named one, that is a provider. */
function providerOf(module: unknown, specifier: string): BackendProvider {
  const exported = module as Record<string, unknown>;
  if (isProvider(exported.default)) return exported.default;
  const providers = [...new Set(Object.values(exported).filter(isProvider))];
  if (providers.length === 1) return providers[0];
  throw new TypeError(
    providers.length === 0
      ? `backend "${specifier}" exports no BackendProvider (an object with name, probe() and create())`
      : `backend "${specifier}" exports several providers (${providers.map(({ name }) => name).join(", ")}); make one the default export`,
  );
}

function unavailable(choice: string, specifier: string, cause: unknown): SpaAttnError {
  const missing = isMissing(cause, specifier);
  const isFile = /^[./]|^file:|^[a-zA-Z]:[\\/]|\.[cm]?[jt]s$/.test(specifier);
  const what = isFile ? `Backend file ${specifier}` : `Backend "${choice}"`;
  const make = (message: string, remedy: string) =>
    new SpaAttnError("BackendUnavailable", `${what} ${message}.`, { remedy, cause });
  if (!missing)
    return make(`cannot be loaded: ${messageAndPlace(cause)}`, 'Mend the module, or use the built-in backend "cpu".');
  if (isFile)
    return make(
      "does not exist",
      "Check the path; it is resolved against the current directory on the command line, else against the importing package.",
    );
  const meant = suggestBackend(choice);
  const install = `Run "npm install ${specifier}", or pass its provider itself: import it and use { backend: provider }.`;
  return meant && meant !== choice
    ? make("is not known", `Did you mean "${meant}"? If it is a package: ${install}`)
    : make("is not installed", install);
}

/** Tells a module that is not there from one that breaks on load. */
function isMissing(error: unknown, specifier: string): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: string };
  if (code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND" || code === "ENOENT") {
    // A dependency of the module may be what is missing.
    const named = error.message.match(/Cannot find (?:package|module) '([^']+)'/)?.[1];
    return named === undefined || named.includes(specifier.replace(/^\.\//, ""));
  }
  // Browsers and bundlers' dev servers speak of resolving.
  return /Failed to resolve module specifier|Cannot find (?:package|module)|does not resolve/i.test(error.message);
}
