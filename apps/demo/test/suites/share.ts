import { describe, expect, it } from "vitest";
import type { World } from "../demo.test.js";
import { openPage, rowOf, settled } from "../support/browser.js";

export function shareSuite(world: () => World): void {
  describe("a share link", () => {
    it("brings another visitor to the same settings and the same numbers", async () => {
      const first = await openPage(world().browsers.cpu, { reducedMotion: "reduce" });
      await first.page.goto(`${world().plain.url}#/explore?v=1&tokens=512&heads=2`);
      await settled(first.page);
      await first.page.locator("#drop-rate").evaluate((input) => {
        (input as HTMLInputElement).value = "0.5";
        input.dispatchEvent(new Event("input", { bubbles: true }));
      });
      await first.page.getByLabel("Paper", { exact: true }).check({ force: true });
      await expect.poll(() => first.page.url()).toContain("mode=paper");
      await expect.poll(() => first.page.url()).toContain("dropRate=0.5");
      await settled(first.page);
      const link = first.page.url();
      const numbers = await rowOf(first.page, "paper");

      const second = await openPage(world().browsers.cpu, { reducedMotion: "reduce" });
      await second.page.goto(link);
      await settled(second.page);
      const again = await rowOf(second.page, "paper");
      expect(again.relL2).toBeCloseTo(numbers.relL2, 12);
      expect(await second.page.locator("#drop-rate").inputValue()).toBe("0.5");
      await Promise.all([first.page.context().close(), second.page.context().close()]);
    });

    it("with nonsense in it is used as far as it makes sense, and says so", async () => {
      const { page, errors } = await openPage(world().browsers.cpu, { reducedMotion: "reduce" });
      await page.goto(`${world().plain.url}#/explore?v=1&tokens=512&heads=2&dropRate=7&blockSize=63&evil=%3Cscript%3E`);
      await settled(page);
      const notice = page.locator(".notice");
      expect(await notice.textContent()).toMatch(/dropRate=7.*blockSize=63.*evil=<script>/s);
      expect(await page.locator("#drop-rate").inputValue()).toBe("0.8");
      await notice.getByRole("button", { name: "Close" }).click();
      expect(await notice.count()).toBe(0);
      expect(errors).toEqual([]);
      await page.context().close();
    });
  });
}
