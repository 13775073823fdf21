import { describe, expect, it } from "vitest";
import type { World } from "../demo.test.js";
import { launch, openPage, pixels, rowOf, settled } from "../support/browser.js";

// SwiftShader runs shaders on the CPU: few tokens keep it quick.
const SETTINGS = { webgpu: "tokens=512&heads=2", cpu: "tokens=1024&heads=4" };

export function exploreSuite(world: () => World): void {
  describe.each(["cpu", "webgpu"] as const)("exploring on %s", (backend) => {
    it("loads, follows a click on a patch and a dragged slider, and keeps its word on errors", async () => {
      const site = backend === "cpu" ? world().isolated : world().plain;
      const { page, errors } = await openPage(world().browsers[backend], { reducedMotion: "reduce" });
      await page.goto(`${site.url}#/explore?v=1&${SETTINGS[backend]}`);
      await settled(page);
      expect(await page.locator("input[name=backend]:checked").getAttribute("value")).toBe(backend);

      const [none, tail, dense] = await Promise.all(["none", "tail", "dense"].map((mode) => rowOf(page, mode)));
      expect(dense.relL2).toBe(0);
      expect(none.relL2).toBeGreaterThan(0.02);
      // The promise of docs/tail.md#quality on clips of few blocks: below half of plain sparse.
      expect(tail.relL2).toBeLessThan(none.relL2 / 2);
      expect(tail.density).toBeCloseTo(none.density, 1);

      const before = await pixels(page, ".tile[data-mode=dense] canvas.frame");
      await page.locator("clip-player canvas").click({ position: { x: 40, y: 60 } });
      await expect
        .poll(() => pixels(page, ".tile[data-mode=dense] canvas.frame"), { timeout: 30_000 })
        .not.toBe(before);
      expect(new URL(page.url()).hash).toMatch(/token=\d+/);

      const slider = page.locator("#drop-rate");
      for (const value of ["0.75", "0.7", "0.65", "0.6", "0.55", "0.5"]) {
        await slider.evaluate((input, x) => {
          (input as HTMLInputElement).value = x;
          input.dispatchEvent(new Event("input", { bubbles: true }));
        }, value);
        await page.waitForTimeout(30);
      }
      await settled(page);
      await expect.poll(async () => (await rowOf(page, "tail")).density, { timeout: 60_000 }).toBeCloseTo(0.5, 1);
      await settled(page);
      const later = await rowOf(page, "tail");
      expect(later.relL2).toBeLessThan(tail.relL2);
      expect(errors).toEqual([]);
      await page.context().close();
    });
  });

  it("goes on with WASM when the graphics device is lost, and says so", async () => {
    const browser = await launch("webgpu");
    const { page } = await openPage(browser, { reducedMotion: "reduce" });
    await page.goto(`${world().plain.url}#/explore?v=1&tokens=256&heads=1`);
    await settled(page);
    const session = await browser.newBrowserCDPSession();
    const notice = page.locator(".notice[data-code=DeviceLost]");
    // The browser does not always follow at once.
    for (const value of ["0.6", "0.5", "0.4"]) {
      if ((await notice.count()) > 0) break;
      await session.send("Browser.crashGpuProcess").catch(() => {});
      await page.waitForTimeout(1000);
      await page.locator("#drop-rate").evaluate((input, x) => {
        (input as HTMLInputElement).value = x;
        input.dispatchEvent(new Event("input", { bubbles: true }));
      }, value);
      await notice.waitFor({ timeout: 10_000 }).catch(() => {});
    }
    expect(await notice.textContent()).toMatch(/goes on with WASM/);
    await expect.poll(() => page.locator("input[name=backend]:checked").getAttribute("value")).toBe("cpu");
    await settled(page);
    expect((await rowOf(page, "tail")).relL2).toBeGreaterThan(0);
    await browser.close();
  }, 120_000);

  it("moves map and cursor by keyboard, and says what is under it", async () => {
    const { page } = await openPage(world().browsers.cpu, { reducedMotion: "reduce" });
    await page.goto(`${world().plain.url}#/explore?v=1&tokens=512&heads=2`);
    await settled(page);
    const maps = page.locator(".maps");
    await maps.focus();
    const at = async (where: string) =>
      /Query block (\d+), key block (\d+): true mass/
        .exec((await page.locator(where).textContent()) ?? "")
        ?.slice(1)
        .map(Number);
    // The cursor starts at the picked patch's own block.
    const [row, column] = (await at("#map-readout"))!;
    expect(row).toBe(column);
    const [vertical, down] = row === 0 ? ["ArrowDown", 1] : ["ArrowUp", -1];
    const [horizontal, right] = column < 2 ? ["ArrowRight", 1] : ["ArrowLeft", -1];
    await page.keyboard.press(vertical);
    await page.keyboard.press(horizontal);
    await page.keyboard.press(horizontal);
    await expect.poll(() => at("[role=status]")).toEqual([row + down, column + 2 * right]);
    const whole = await pixels(page, ".maps canvas[data-kind=mass]");
    const mask = await pixels(page, ".maps canvas[data-kind=mask]");
    await page.keyboard.press("+");
    await expect.poll(() => pixels(page, ".maps canvas[data-kind=mass]")).not.toBe(whole);
    // The zoom is linked: every map went closer.
    expect(await pixels(page, ".maps canvas[data-kind=mask]")).not.toBe(mask);
    await page.keyboard.press("0");
    await expect.poll(() => pixels(page, ".maps canvas[data-kind=mass]")).toBe(whole);
    await page.context().close();
  });

  it("marks the worst head and shows every page of the walk with live pictures", async () => {
    const { page, errors } = await openPage(world().browsers.cpu, { reducedMotion: "reduce" });
    await page.goto(`${world().plain.url}#/explore?v=1&tokens=512&heads=4`);
    await settled(page);
    const shown = await page.locator(".head small").allTextContents();
    const values = shown.map((text) => Number(/([\d.]+) %/.exec(text)![1]));
    const worst = await page
      .locator(".head")
      .evaluateAll((all) => all.findIndex((it) => it.hasAttribute("data-worst")));
    expect(values[worst]).toBe(Math.max(...values));

    await page.getByRole("link", { name: "Explain" }).click();
    await page.waitForSelector(".steps h2", { timeout: 60_000 });
    expect(await page.locator(".steps > li").count()).toBe(8);
    const blank = await page.locator(".steps canvas").evaluateAll(
      (all) =>
        all.filter((it) => {
          const canvas = it as HTMLCanvasElement;
          const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
          return data.every((x) => x === data[0]);
        }).length,
    );
    expect(blank).toBe(0);
    expect(errors).toEqual([]);
    await page.context().close();
  });
}
