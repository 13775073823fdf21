import { existsSync } from "node:fs";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) =>
  existsSync(path),
);

/** Why there is no browser here; undefined when there is one. In CI a missing browser is a failure. */
export const noBrowser = CHROMIUM ? undefined : "no Chromium in /usr/bin (apt install chromium)";
if (noBrowser && process.env.CI === "true") throw new Error(`the demo's tests need a browser: ${noBrowser}`);
if (noBrowser) console.warn(`\n!! The demo's browser tests are SKIPPED: ${noBrowser}\n`);

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** WebGPU on SwiftShader, which ships with Chromium. */
const WEBGPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

export const launch = (backend: "webgpu" | "cpu"): Promise<Browser> =>
  chromium.launch({ executablePath: CHROMIUM!, args: backend === "webgpu" ? [...FLAGS, ...WEBGPU] : FLAGS });

/** A page that fails the test on any error nobody caught. */
export async function openPage(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; errors: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  return { page, errors };
}

/** Waits until everything the current settings ask for is on the page. */
export async function settled(page: Page): Promise<void> {
  await page.waitForSelector('main[aria-busy="false"] .maps', { timeout: 90_000 });
}

/** The exact numbers of a line of the results. */
export async function rowOf(page: Page, mode: string): Promise<Record<string, number>> {
  const pairs = await page
    .locator(`table.results tr[data-mode=${mode}] data`)
    .evaluateAll((all) => all.map((it) => [it.getAttribute("data-name")!, Number(it.getAttribute("value"))] as const));
  return Object.fromEntries(pairs);
}

/** A hash of what a canvas shows. */
export const pixels = (page: Page, selector: string): Promise<string> =>
  page
    .locator(selector)
    .first()
    .evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL());
