import { describe, expect, it } from "vitest";
import type { World } from "../demo.test.js";
import { openPage } from "../support/browser.js";

export function checkSuite(world: () => World): void {
  describe("check this GPU", () => {
    it("runs conformance cases on WebGPU and shows each, and can be stopped", async () => {
      const { page, errors } = await openPage(world().browsers.webgpu, { reducedMotion: "reduce" });
      await page.goto(`${world().plain.url}#/check?v=1&tokens=256&heads=1`);
      await page.locator("button[data-backend=webgpu]").click();
      await expect.poll(() => page.locator(".cases tbody tr").count(), { timeout: 60_000 }).toBeGreaterThan(5);
      await page.getByRole("button", { name: "Stop" }).click();
      await page.waitForSelector(".verdict[data-running=false]");
      const verdict = page.locator(".verdict");
      expect(Number(await verdict.getAttribute("data-passed"))).toBeGreaterThan(5);
      expect(await page.locator("tr[data-status=failed]").allTextContents()).toEqual([]);
      expect(errors).toEqual([]);
      await page.context().close();
    }, 120_000);

    it("runs every small case on WASM to the end", async () => {
      const { page } = await openPage(world().browsers.cpu, { reducedMotion: "reduce" });
      await page.goto(`${world().plain.url}#/check?v=1&tokens=256&heads=1`);
      await page.locator("button[data-backend=cpu]").click();
      await page.waitForSelector(".verdict[data-running=false]", { timeout: 110_000 });
      expect(await page.locator("tr[data-status=failed]").allTextContents()).toEqual([]);
      expect(Number(await page.locator(".verdict").getAttribute("data-passed"))).toBeGreaterThan(30);
      await page.context().close();
    }, 120_000);

    it("says why WebGPU is missing where it is", async () => {
      const { page } = await openPage(world().browsers.cpu, { reducedMotion: "reduce" });
      await page.goto(`${world().plain.url}#/check?v=1&tokens=256&heads=1`);
      const button = page.locator("button[data-backend=webgpu]");
      await button.waitFor();
      expect(await button.isDisabled()).toBe(true);
      expect(await page.locator(".start").first().textContent()).toMatch(/WebGPU needs a current browser/);
      await page.context().close();
    });
  });
}
