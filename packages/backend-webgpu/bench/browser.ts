// pnpm bench webgpu --browser [--tokens 1024] [--heads 2] [--head-dim 64] [--software]
// Dense attention in a page against onnxruntime-web's MultiHeadAttention, on the adapter Chromium has.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { type Comparison, type ComparisonOptions, describeComparison } from "./compare.js";

const { values: flags } = parseArgs({
  strict: false,
  options: {
    tokens: { type: "string", default: "1024" },
    heads: { type: "string", default: "2" },
    "head-dim": { type: "string", default: "64" },
    software: { type: "boolean", default: false },
  },
});
const ort = dirname(createRequire(import.meta.url).resolve("onnxruntime-web"));
const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL("page.ts", import.meta.url))],
  bundle: true,
  write: false,
  format: "esm",
  target: "es2022",
  conditions: ["@spaattn/source"],
});
const server = createServer((request, response) => {
  const url = request.url ?? "/";
  const send = (type: string, content: string | Uint8Array) =>
    void response.writeHead(200, { "Content-Type": type }).end(content);
  if (url.startsWith("/ort/"))
    return send(url.endsWith(".wasm") ? "application/wasm" : "text/javascript", readFileSync(join(ort, basename(url))));
  if (url === "/page.js") return send("text/javascript", outputFiles[0].text);
  return send("text/html", '<!doctype html><script type="module" src="/page.js"></script>');
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const software = flags.software ? ["--use-webgpu-adapter=swiftshader"] : [];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--enable-unsafe-webgpu", "--disable-quic", ...software],
});
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await page.waitForFunction(() => "compare" in globalThis);
  const options = {
    tokens: Number(flags.tokens),
    heads: Number(flags.heads),
    headDim: Number(flags["head-dim"]),
    dtype: "f32" as const,
  };
  const result = await page.evaluate(
    (given) => (globalThis as unknown as { compare(o: ComparisonOptions): Promise<Comparison> }).compare(given),
    options,
  );
  console.log(`${result.device}\n${describeComparison(result)}`);
} finally {
  await browser.close();
  server.close();
}
