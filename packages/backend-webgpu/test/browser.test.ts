import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { goldenBytes, goldenFiles, required } from "./support.js";

const CHROMIUM = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
const found = existsSync(CHROMIUM);
if (!found && required) throw new Error(`CI needs a browser: set CHROMIUM_PATH (${CHROMIUM} is missing)`);
if (!found) console.warn(`SKIPPED: no browser at ${CHROMIUM} (set CHROMIUM_PATH); WebGPU did not run in a page.`);

const ORT = dirname(createRequire(import.meta.url).resolve("onnxruntime-web"));
// The software adapter that ships with Chromium; without the third flag a headless page has no adapter at all.
const FLAGS = ["--no-sandbox", "--use-webgpu-adapter=swiftshader", "--enable-unsafe-webgpu", "--disable-quic"];

let script = "";
let browser: Browser;
let server: Server;

async function serve(): Promise<Server> {
  const started = createServer(async (request, response) => {
    const url = request.url ?? "/";
    const send = (type: string, content: string | Uint8Array) =>
      void response.writeHead(200, { "Content-Type": type }).end(content);
    if (url.startsWith("/golden/")) return send("application/octet-stream", await goldenBytes(basename(url)));
    if (url.startsWith("/ort/")) {
      const type = url.endsWith(".wasm") ? "application/wasm" : "text/javascript";
      return send(type, readFileSync(join(ORT, basename(url))));
    }
    if (url === "/page.js") return send("text/javascript", script);
    return send("text/html", '<!doctype html><script type="module" src="/page.js"></script>');
  });
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  return started;
}

describe.skipIf(!found)("in headless Chromium on its software adapter", () => {
  beforeAll(async () => {
    const { outputFiles } = await build({
      entryPoints: [fileURLToPath(new URL("browser-page.ts", import.meta.url))],
      bundle: true,
      write: false,
      format: "esm",
      target: "es2022",
      conditions: ["@spaattn/source"],
    });
    script = outputFiles[0].text;
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
    server = await serve();
  }, 120_000);
  afterAll(async () => {
    server?.close();
    await browser?.close();
  });

  const call = async <T>(name: string, options?: object): Promise<T> => {
    const page = await browser.newPage();
    try {
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      await page.waitForFunction((wanted) => wanted in globalThis, name);
      return await page.evaluate(
        ([wanted, given]) =>
          (globalThis as unknown as Record<string, (o: unknown) => Promise<never>>)[wanted as string](given),
        [name, options] as const,
      );
    } finally {
      await page.close();
    }
  };
  interface Checked {
    passed: number;
    failures: string[];
    device: string;
  }

  it("passes conformance cases of every mode in f32", async () => {
    const cases = ["ragged, with text", "strata eigen", "raster order in and out, paper"];
    const { passed, failures } = await call<Checked>("check", { dtypes: ["f32"], cases });
    expect(failures).toEqual([]);
    expect(passed).toBeGreaterThan(60);
  }, 300_000);

  it.each(goldenFiles("tiny"))(
    "%s",
    async (name) => {
      const { failures } = await call<Checked>("check", { goldens: [name] });
      expect(failures).toEqual([]);
    },
    240_000,
  );

  it("shares a device and a buffer with onnxruntime-web", async () => {
    const { maxError } = await call<{ maxError: number }>("shareWithOnnxruntime");
    expect(maxError).toBeLessThan(1e-4);
  }, 240_000);
});
