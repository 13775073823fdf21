import { SpaAttnError } from "@spaattn/core";

export const disposedError = (): SpaAttnError =>
  new SpaAttnError("Disposed", "The cpu backend has been disposed.", { remedy: "Create it again." });

export const workerDied = (cause: unknown): SpaAttnError =>
  new SpaAttnError("DeviceLost", `A worker thread of the cpu backend died: ${messageOf(cause)}.`, {
    remedy: "Run it again: the next run starts fresh workers.",
    cause,
  });

const messageOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause));

export const outOfMemory = (bytes: number, cause?: unknown): SpaAttnError =>
  new SpaAttnError("OutOfMemory", `The cpu backend could not allocate ${(bytes / 1e6).toFixed(1)} MB.`, {
    remedy: "Free memory, lower memoryLimit, or use fewer tokens or heads at a time.",
    cause,
  });

export const threadsUnavailable = (cause: unknown): SpaAttnError =>
  new SpaAttnError("BackendUnavailable", `The cpu backend could not start a worker thread: ${messageOf(cause)}.`, {
    remedy: "Create the backend with threads: 1, or allow worker-src blob: in the page's content security policy.",
    cause,
  });
