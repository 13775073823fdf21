import { describe, expect, it } from "vitest";
import type { World } from "../demo.test.js";
import { openPage, rowOf, settled } from "../support/browser.js";

export function offlineSuite(world: () => World): void {
  describe("without a network", () => {
    it("works once it was loaded", async () => {
      const { page } = await openPage(world().browsers.cpu, { reducedMotion: "reduce" });
      const url = `${world().plain.url}#/explore?v=1&tokens=256&heads=2`;
      await page.goto(url);
      await page.evaluate(() => navigator.serviceWorker.ready);
      await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
      await page.context().setOffline(true);
      await page.reload();
      await settled(page);
      expect((await rowOf(page, "tail")).relL2).toBeGreaterThan(0);
      await page.context().close();
    });
  });
}
