import type { Backend, BackendProvider } from "@spaattn/attention";
import { startBackend } from "./start-backend.js";

// A backend owns workers or a device; calls that only name one share it.
const running = new Map<BackendProvider, Promise<Backend>>();

/** The one instance that calls naming this provider share, created at the first. */
export function sharedBackend(provider: BackendProvider): Promise<Backend> {
  const known = running.get(provider);
  if (known) return known;
  const created = startBackend(provider);
  running.set(provider, created);
  // A failure is not remembered: the driver may be there the next time.
  created.catch(() => running.delete(provider));
  return created;
}

/** Frees the backends that calls of `rectifiedAttention` started. They start again when needed. */
export async function releaseBackends(): Promise<void> {
  const all = [...running.values()];
  running.clear();
  for (const result of await Promise.allSettled(all)) if (result.status === "fulfilled") result.value.dispose();
}
