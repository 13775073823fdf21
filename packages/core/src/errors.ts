/** The stable codes of environment failures. Wrong arguments throw `TypeError` or `RangeError` instead. */
export type SpaAttnErrorCode =
  | "BackendUnavailable"
  | "Unsupported"
  | "DeviceLost"
  | "OutOfMemory"
  | "Disposed"
  | "Aborted"
  | "FileAccess"
  | "MalformedFile";

export interface SpaAttnErrorOptions {
  /** One sentence that says what the reader can do about it. */
  remedy: string;
  cause?: unknown;
}

/**
 * A failure of the environment (a device, a file, memory), never of the arguments.
 *
 * `code` is stable across versions and meant to be switched on; `remedy` is meant to be shown to a person.
 */
export class SpaAttnError extends Error {
  readonly code: SpaAttnErrorCode;
  readonly remedy: string;

  constructor(code: SpaAttnErrorCode, message: string, options: SpaAttnErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "SpaAttnError";
    this.code = code;
    this.remedy = options.remedy;
  }
}

/** True for a `SpaAttnError`, also one that comes from another copy of this package or another realm. */
export const isSpaAttnError = (error: unknown, code?: SpaAttnErrorCode): error is SpaAttnError =>
  typeof error === "object" &&
  error !== null &&
  (error as Error).name === "SpaAttnError" &&
  typeof (error as SpaAttnError).code === "string" &&
  (code === undefined || (error as SpaAttnError).code === code);

/** Throws `SpaAttnError("Aborted")` when the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  throw new SpaAttnError("Aborted", "The run was cancelled.", {
    remedy: "Run it again; the inputs are unchanged and the output's contents are undefined.",
    cause: signal.reason,
  });
}
