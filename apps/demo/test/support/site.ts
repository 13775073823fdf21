import { execFile } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const VITE = join(ROOT, "node_modules/vite/bin/vite.js");

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".webp": "image/webp",
};

/** The built site, in a folder of its own. */
export async function buildSite(): Promise<{ folder: string; remove: () => void }> {
  const folder = await mkdtemp(join(tmpdir(), "spaattn-demo-"));
  await promisify(execFile)(
    process.execPath,
    [VITE, "build", "--outDir", folder, "--emptyOutDir", "--logLevel", "error"],
    {
      cwd: ROOT,
      env: { ...process.env, NODE_ENV: "production" },
    },
  );
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export interface Site {
  readonly url: string;
  stop(): Promise<void>;
}

/** A plain web server under a sub-folder (addresses must be relative); `isolated` adds the headers for shared memory. */
export async function serve(folder: string, isolated: boolean): Promise<Site> {
  const server: Server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname.replace(/^\/sub\/demo\//, "/");
    const file = join(folder, path.endsWith("/") ? `${path}index.html` : path);
    if (isolated) {
      response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
      response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    }
    try {
      const body = readFileSync(file);
      response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream");
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://localhost:${port}/sub/demo/`,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
