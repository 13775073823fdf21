import { type Backend, type BackendProvider, backendFault, type ProbeResult } from "@spaattn/attention";
import { describeValue, isSpaAttnError, SpaAttnError } from "@spaattn/core";

// Backends may come from a file somebody is writing. Whatever is wrong with one is said here, with its name and place,
// before it can turn into a failure somewhere else.

/** Longest waits, in milliseconds, after which something is taken for never. */
const PATIENCE = { import: 30_000, probe: 20_000, create: 60_000 } as const;

const REMEDY = 'Mend the backend, or use the built-in "cpu".';

export interface Patience {
  /** How long to wait, in milliseconds. */
  readonly patience?: number;
}

/** Whether a backend can run here; unlike the provider's own `probe` it always answers, and never throws. */
export async function probeBackend(provider: BackendProvider, options: Patience = {}): Promise<ProbeResult> {
  try {
    const result: unknown = await inTime(() => provider.probe(), "probe", options.patience);
    const fault = probeFault(result);
    if (!fault) return result as ProbeResult;
    return { available: false, reason: `its probe() gave ${describeValue(result)}: ${fault}`, remedy: REMEDY };
  } catch (error) {
    if (isSpaAttnError(error)) return { available: false, reason: error.message, remedy: error.remedy };
    return { available: false, reason: `its probe() failed: ${messageAndPlace(error)}`, remedy: REMEDY };
  }
}

function probeFault(result: unknown): string | undefined {
  if (typeof result !== "object" || result === null) return "it should say { available }";
  const { available, device, reason, remedy } = result as Record<string, unknown>;
  if (typeof available !== "boolean") return "available should be true or false";
  if (available) return typeof device === "string" ? undefined : "device should name what it runs on";
  if (typeof reason !== "string") return "reason should say why it is not available";
  return typeof remedy === "string" ? undefined : "remedy should say what to do";
}

/**
 * Starts a backend and checks that it is one.
 *
 * @throws SpaAttnError `BackendUnavailable` that names the backend, and the file and line where its own code failed.
 */
export async function startBackend(provider: BackendProvider, options: Patience = {}): Promise<Backend> {
  const named = `Backend "${provider.name}"`;
  let backend: unknown;
  try {
    backend = await inTime(() => provider.create(), "create", options.patience);
  } catch (error) {
    if (isSpaAttnError(error)) throw error;
    throw broken(`${named} could not be started: ${messageAndPlace(error)}`, error);
  }
  const fault = backendFault(backend);
  if (fault) throw broken(`${named} could not be started: its create() gave no backend, ${fault}`);
  return backend as Backend;
}

const broken = (message: string, cause?: unknown) =>
  new SpaAttnError("BackendUnavailable", `${message}.`, { remedy: REMEDY, cause });

/** The promise of `call`, or an error when it does not settle in time. */
export async function inTime<T>(
  call: () => T | Promise<T>,
  what: keyof typeof PATIENCE,
  patience: number = PATIENCE[what],
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const never = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const late = new Error(`${what} did not finish in ${patience / 1000} s`);
      // Its place is here, which is not where anything is wrong.
      late.stack = String(late);
      reject(late);
    }, patience);
  });
  try {
    return await Promise.race([call(), never]);
  } finally {
    clearTimeout(timer);
  }
}

/** An error's message, with the file and line that threw it where they are no part of it. */
export function messageAndPlace(error: unknown): string {
  const message = (error instanceof Error ? error.message : describeValue(error)).replace(/\.$/, "");
  const place = placeOf(error);
  return place && !message.includes(place) ? `${message} (${place})` : message;
}

/** `file:line` of the topmost frame that is no part of the engine. */
export function placeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  for (const line of (error.stack ?? "").split("\n").slice(1)) {
    const found = line.match(/((?:file:\/\/|https?:\/\/[^/\s]+|[a-zA-Z]:)?[\\/][^\s()]*?):(\d+):\d+\)?$/);
    if (found && !line.includes("node:")) return `${decodeURI(found[1].replace(/^file:\/\//, ""))}:${found[2]}`;
  }
  return undefined;
}
