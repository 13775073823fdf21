import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { goldenBytes, goldenFiles } from "./goldens.js";

const CHROMIUM = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
const found = existsSync(CHROMIUM);
if (!found && process.env.CI === "true")
  throw new Error(`CI needs a browser: set CHROMIUM_PATH (${CHROMIUM} is missing)`);
if (!found)
  console.warn(`SKIPPED: no browser at ${CHROMIUM} (set CHROMIUM_PATH); the cpu backend did not run in a page.`);

let script = "";
let browser: Browser;

/** A page whose script is the bundle; with the two headers it is cross-origin isolated. */
async function serve(isolated: boolean): Promise<Server> {
  const headers: Record<string, string> = isolated
    ? { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" }
    : {};
  const server = createServer(async (request, response) => {
    const url = request.url ?? "/";
    const golden = /^\/golden\/([\w.]+)$/.exec(url);
    if (golden) return void response.writeHead(200, headers).end(await goldenBytes(golden[1]));
    if (url === "/page.js")
      return void response.writeHead(200, { ...headers, "Content-Type": "text/javascript" }).end(script);
    response.writeHead(200, { ...headers, "Content-Type": "text/html" }).end('<script src="/page.js"></script>');
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

describe.skipIf(!found)("in headless Chromium", () => {
  beforeAll(async () => {
    const entry = fileURLToPath(new URL("browser-page.ts", import.meta.url));
    const { outputFiles } = await build({
      entryPoints: [entry],
      bundle: true,
      write: false,
      format: "iife",
      target: "es2022",
      conditions: ["@spaattn/source"],
    });
    script = outputFiles[0].text;
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  }, 120_000);
  afterAll(async () => browser?.close());

  describe.each([true, false])("cross-origin isolated: %s", (isolated) => {
    let server: Server;
    beforeAll(async () => {
      server = await serve(isolated);
    });
    afterAll(() => void server.close());

    const check = async (options: object) => {
      const page = await browser.newPage();
      const errors: string[] = [];
      page.on("pageerror", (error) => errors.push(error.message));
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      const result = await page.evaluate(
        (given) => (globalThis as unknown as { check: (o: object) => Promise<never> }).check(given),
        options,
      );
      await page.close();
      expect(errors).toEqual([]);
      return result as {
        passed: number;
        failures: string[];
        isolated: boolean;
        details: { kernel: string; sharedMemory: string };
      };
    };

    it("passes the cases with the kernels it probes", async () => {
      const filters = ["dense", "ragged", "strata local"];
      for (const filter of filters) {
        const what = { threads: 2, kernel: "auto", size: "small", dtypes: ["f32"], filter };
        const { passed, failures, details, ...page } = await check(what);
        expect(failures).toEqual([]);
        expect(passed).toBeGreaterThan(10);
        expect(page.isolated).toBe(isolated);
        expect(details.sharedMemory).toBe(String(isolated));
        expect(["simd", "relaxed"]).toContain(details.kernel);
      }
    }, 240_000);

    // The larger ones go to the threads, on shared or private memory.
    it.each(goldenFiles())(
      "%s",
      async (name) => {
        const { failures } = await check({ threads: 2, kernel: "auto", goldens: [name] });
        expect(failures).toEqual([]);
      },
      120_000,
    );
  });
});
