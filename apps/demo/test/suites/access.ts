import axe from "axe-core";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import type { World } from "../demo.test.js";
import { openPage, settled } from "../support/browser.js";

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = await page.evaluate(async () => {
    const here = (globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } }).axe;
    return (await here.run()).violations.map(({ id, nodes }) => ({
      id,
      nodes: nodes.map(({ html, failureSummary }) => ({ html, failureSummary })),
    }));
  });
  return found.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
}

export function accessSuite(world: () => World): void {
  describe.each(["light", "dark"] as const)("accessibility in %s", (colorScheme) => {
    it("has no axe violations on any page", async () => {
      const { page } = await openPage(world().browsers.cpu, { colorScheme, reducedMotion: "reduce" });
      await page.goto(`${world().plain.url}#/explore?v=1&tokens=256&heads=2`);
      await settled(page);
      await page.getByText("More settings").click();
      for (const summary of await page.locator(".behind summary").all()) await summary.click();
      expect(await violations(page)).toEqual([]);
      for (const name of ["Explain", "Benchmark", "Check this GPU"]) {
        await page.getByRole("link", { name }).click();
        await page.waitForSelector("h1");
        await page.waitForTimeout(400);
        expect(await violations(page)).toEqual([]);
      }
      await page.context().close();
    });
  });

  it("fits a phone of 380 pixels", async () => {
    const { page } = await openPage(world().browsers.cpu, {
      viewport: { width: 380, height: 800 },
      reducedMotion: "reduce",
    });
    await page.goto(`${world().plain.url}#/explore?v=1&tokens=256&heads=2`);
    await settled(page);
    for (const name of ["Explore", "Explain", "Benchmark", "Check this GPU"]) {
      await page.getByRole("link", { name }).click();
      await page.waitForTimeout(200);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(380);
    }
    await page.context().close();
  });

  it("stands still where reduced motion is asked for, and plays otherwise", async () => {
    const still = await openPage(world().browsers.cpu, { reducedMotion: "reduce" });
    await still.page.goto(world().plain.url);
    await still.page.waitForSelector("clip-player button");
    expect(await still.page.locator("clip-player button").getAttribute("aria-pressed")).toBe("false");
    const moving = await openPage(world().browsers.cpu, { reducedMotion: "no-preference" });
    await moving.page.goto(world().plain.url);
    await moving.page.waitForSelector("clip-player button");
    expect(await moving.page.locator("clip-player button").getAttribute("aria-pressed")).toBe("true");
    await Promise.all([still.page.context().close(), moving.page.context().close()]);
  });
}
