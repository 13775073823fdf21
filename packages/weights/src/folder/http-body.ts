import { SpaAttnError } from "@spaattn/core";
import { malformed } from "../malformed.js";

/** A server without ranges sends whole files: configurations, yes; weights, no. */
const MOST_WHOLE_BYTES = 64 << 20;

/** Size of the file a partial answer belongs to. */
export function rangeTotal(response: Response, url: string): number {
  const total = /\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1];
  // Pages see this header of other origins only where the server exposes it.
  if (total === undefined)
    malformed(url, "the server does not say how long the file is", {
      remedy: "Let it send (and expose to other origins) the header Content-Range.",
    });
  return Number(total);
}

/** Copies a body into `target` and says how many bytes came; a body that is too long is cut off. */
export async function readBody(response: Response, target: Uint8Array): Promise<number> {
  let at = 0;
  const reader = response.body?.getReader();
  if (!reader) return 0;
  try {
    while (at < target.length) {
      const { done, value } = await reader.read();
      if (done) break;
      const part = value.subarray(0, target.length - at);
      target.set(part, at);
      at += part.length;
    }
  } catch (error) {
    // What came so far counts; the caller asks for the rest.
    if (at === 0) throw error;
  } finally {
    await reader.cancel().catch(() => {});
  }
  return at;
}

/** The whole body of an answer without ranges. */
export async function readWhole(response: Response, url: string): Promise<Uint8Array> {
  if (Number(response.headers.get("content-length") ?? 0) > MOST_WHOLE_BYTES) await refuseLarge(response, url);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const reader = response.body?.getReader();
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
    parts.push(next.value);
    bytes += next.value.length;
    if (bytes > MOST_WHOLE_BYTES) await refuseLarge(reader, url);
  }
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

async function refuseLarge(sender: Response | { cancel(): Promise<void> } | undefined, url: string): Promise<never> {
  await (sender instanceof Response ? sender.body : sender)?.cancel();
  throw new SpaAttnError("FileAccess", `${url}: the server sends large files only whole.`, {
    remedy: "Serve the weights from a server that supports range requests.",
  });
}
