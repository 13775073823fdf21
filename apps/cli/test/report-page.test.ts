import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { spaattn, temporaryFolder, writeTestClip } from "./spaattn.js";

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const { path, remove } = temporaryFolder();
const report = path("report.html");

if (!executablePath) console.warn("SKIPPED: no Chromium here; the report was not opened in a browser.");

describe.skipIf(!executablePath)("the report in a browser", () => {
  let browser: Browser;

  beforeAll(async () => {
    await writeTestClip(path("clip.gif"));
    const { code, error } = await spaattn([
      "compare",
      path("clip.gif"),
      "--tokens",
      "500",
      "--heads",
      "2",
      "--report",
      report,
    ]);
    expect(code, error).toBe(0);
    browser = await chromium.launch({ executablePath: executablePath!, args: ["--no-sandbox"] });
  });
  afterAll(async () => {
    await browser?.close();
    remove();
  });

  it("fits a phone, loads nothing, and moves its frames", async () => {
    const page = await browser.newPage({ viewport: { width: 380, height: 800 }, colorScheme: "dark" });
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("request", (request) => {
      if (!/^(file|data):/.test(request.url())) problems.push(request.url());
    });
    await page.goto(pathToFileURL(report).href);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(380);
    expect(await page.evaluate(() => [...document.images].every((image) => image.naturalWidth > 0))).toBe(true);
    const at = () => page.evaluate(() => getComputedStyle(document.querySelector(".film")!).backgroundPositionY);
    expect(await at()).toBe("0%");
    await page.getByRole("slider", { name: "frame" }).press("End");
    expect(await at()).toBe("100%");
    await page.getByLabel("show").selectOption("1");
    expect(await page.locator("[data-set='1']").isVisible()).toBe(true);
    expect(await page.locator("[data-set='0']").isVisible()).toBe(false);
    expect(problems).toEqual([]);
  });
});
