import { SpaAttnError, throwIfAborted } from "@spaattn/core";
import { bytesSource } from "../byte-source.js";
import { malformed } from "../malformed.js";
import type { Folder, OpenFile } from "./folder.js";
import { rangeTotal, readBody, readWhole } from "./http-body.js";

export interface HttpOptions {
  /** Sent with every request (an authorization, say). */
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Default: the global `fetch`. */
  readonly fetch?: typeof fetch;
}

/** The first request of a file asks for this much: most headers are shorter, so one request opens a file. */
const HEAD = 64 << 10;

/** How often a request that broke off is taken up again where it stopped. */
const RETRIES = 3;

/**
 * A folder on a server: tensors are fetched by range requests, nothing else is downloaded.
 *
 * Small files also come from servers that know no ranges.
 */
export function httpFolder(url: string | URL, options: HttpOptions = {}): Folder {
  const base = new URL(url);
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  const http = new Http(options);
  return {
    name: base.href.slice(0, -1),
    open: (path) => http.open(new URL(path.split("/").map(encodeURIComponent).join("/"), base).href),
  };
}

class Http {
  constructor(readonly options: HttpOptions) {}

  async open(url: string): Promise<OpenFile | undefined> {
    const response = await this.request(url, 0, HEAD - 1);
    if (response.status === 404 || response.status === 410) return undefined;
    if (response.status === 416) return bytesSource(new Uint8Array(0), url);
    if (response.status === 200) return bytesSource(await readWhole(response, url), url);
    if (response.status !== 206) throw refused(url, response);
    const size = rangeTotal(response, url);
    const head = new Uint8Array(Math.min(HEAD, size));
    const got = await readBody(response, head);
    if (got < head.length) malformed(url, `the server sent ${got} of ${head.length} bytes`);
    return {
      name: url,
      size,
      read: async (offset, target) => {
        const known = Math.max(0, Math.min(target.length, head.length - offset));
        target.set(head.subarray(offset, offset + known));
        if (known < target.length) await this.read(url, offset + known, target.subarray(known));
      },
    };
  }

  /** Fills `target`, going on after interruptions. */
  async read(url: string, offset: number, target: Uint8Array): Promise<void> {
    let at = 0;
    for (let attempt = 0; at < target.length; attempt++) {
      const response = await this.request(url, offset + at, offset + target.length - 1);
      if (response.status !== 206) throw refused(url, response);
      const before = at;
      at += await readBody(response, target.subarray(at)).catch((cause) => {
        throw this.failure(url, cause);
      });
      if (at > before) attempt = 0;
      if (attempt >= RETRIES) malformed(url, `the server sends nothing at byte ${offset + at}`);
    }
  }

  async request(url: string, first: number, last: number): Promise<Response> {
    const { headers, signal = null, fetch: send = fetch } = this.options;
    try {
      return await send(url, { headers: { ...headers, Range: `bytes=${first}-${last}` }, signal });
    } catch (cause) {
      throw this.failure(url, cause);
    }
  }

  failure(url: string, cause: unknown): Error {
    throwIfAborted(this.options.signal);
    return new SpaAttnError("FileAccess", `${url}: the request failed (${(cause as Error)?.message ?? cause})`, {
      remedy: "Check the address and the connection; in a page the server must allow other origins (CORS).",
      cause,
    });
  }
}

const refused = (url: string, response: Response) =>
  new SpaAttnError("FileAccess", `${url}: the server answers ${response.status} ${response.statusText}`.trimEnd(), {
    remedy: "Check the address, and whether the file needs an authorization (`headers`).",
  });
