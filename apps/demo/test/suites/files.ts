import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { HostTensor } from "@spaattn/core";
import { captureContents, encodeSafetensors } from "@spaattn/io";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import type { World } from "../demo.test.js";
import { openPage, rowOf, settled } from "../support/browser.js";

const fixture = (name: string): Buffer => readFileSync(fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url)));

/** Drops a file on the page, as a mouse would. */
async function drop(page: Page, name: string, bytes: Buffer, type = ""): Promise<void> {
  const transfer = await page.evaluateHandle(
    ([base64, fileName, mime]) => {
      const data = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const made = new DataTransfer();
      made.items.add(new File([data], fileName, { type: mime }));
      return made;
    },
    [bytes.toString("base64"), name, type],
  );
  await page.dispatchEvent("body", "drop", { dataTransfer: transfer });
}

async function capture(): Promise<Buffer> {
  const [heads, tokens, headDim] = [2, 4 * 8 * 8, 64];
  let state = 1;
  const random = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647 - 0.5;
  };
  const tensor = () =>
    new HostTensor("f32", [1, heads, tokens, headDim], Float32Array.from({ length: heads * tokens * headDim }, random));
  const { tensors, metadata } = captureContents({ query: tensor(), key: tensor(), value: tensor(), grid: [4, 8, 8] });
  const bytes = await encodeSafetensors(tensors, metadata);
  return Buffer.from(bytes);
}

export function filesSuite(world: () => World): void {
  describe("a visitor's own files", () => {
    const start = async () => {
      const opened = await openPage(world().browsers.cpu, { reducedMotion: "reduce" });
      await opened.page.goto(`${world().plain.url}#/explore?v=1&tokens=256&heads=2`);
      await settled(opened.page);
      return opened;
    };

    it.each(["moving.gif", "moving.mp4", "moving.webm", "still.png"])("opens %s", async (name) => {
      const { page, errors } = await start();
      const before = await rowOf(page, "none");
      await drop(page, name, fixture(name));
      await page.waitForFunction((it) => document.querySelector("main")?.dataset.file === it, name, {
        timeout: 30_000,
      });
      await settled(page);
      expect(await page.locator(".notice").count()).toBe(0);
      expect((await rowOf(page, "none")).relL2).not.toBe(before.relL2);
      expect(errors).toEqual([]);
      await page.context().close();
    });

    it("opens a capture, which has no pixels to show", async () => {
      const { page } = await start();
      await drop(page, "layer.safetensors", await capture());
      await page.waitForFunction(() => document.querySelector("main")?.dataset.file === "layer.safetensors", null, {
        timeout: 30_000,
      });
      await settled(page);
      expect(await page.locator(".notice").count()).toBe(0);
      expect((await rowOf(page, "tail")).relL2).toBeGreaterThan(0);
      await page.context().close();
    });

    it("says what is wrong with broken files, and keeps what was open", async () => {
      const { page } = await start();
      const before = await rowOf(page, "tail");
      const broken: [string, Buffer, RegExp][] = [
        ["cut.gif", fixture("moving.gif").subarray(0, 40), /cut\.gif could not be read/],
        ["cut.mp4", fixture("moving.mp4").subarray(0, 600), /cut\.mp4 could not be read/],
        [
          "notes.txt",
          Buffer.from("Not a picture at all, and long enough to be looked at closely."),
          /notes\.txt is not a kind of file/,
        ],
        ["empty.gif", Buffer.alloc(0), /empty\.gif is empty/],
        ["cut.safetensors", (await capture()).subarray(0, 5000), /cut\.safetensors/],
      ];
      for (const [name, bytes, message] of broken) {
        await drop(page, name, bytes);
        await expect.poll(() => page.locator(".notice").textContent(), { timeout: 20_000 }).toMatch(message);
        await page.locator(".notice").getByRole("button", { name: "Close" }).click();
      }
      await settled(page);
      expect((await rowOf(page, "tail")).relL2).toBeCloseTo(before.relL2, 12);
      await page.context().close();
    });

    it("offers a clip that is too large at a smaller size", async () => {
      const { page } = await start();
      await drop(page, "large.gif", fixture("large.gif"));
      const notice = page.locator(".notice[data-code=ClipTooLarge]");
      await notice.waitFor({ timeout: 20_000 });
      expect(await notice.textContent()).toMatch(/12 frames of 2400 × 2000 pixels: 173 MB.*480 × 400 with 12 frames/s);
      await notice.getByRole("button", { name: "Open it smaller" }).click();
      await page.waitForFunction(() => document.querySelector("main")?.dataset.file === "large.gif", null, {
        timeout: 30_000,
      });
      await settled(page);
      expect(await notice.count()).toBe(0);
      await page.context().close();
    });

    it("saves numbers and mask", async () => {
      const { page } = await start();
      const save = async (label: string) => {
        const [download] = await Promise.all([
          page.waitForEvent("download"),
          page.getByRole("button", { name: label }).click(),
        ]);
        return { name: download.suggestedFilename(), bytes: readFileSync((await download.path())!) };
      };
      const json = JSON.parse((await save("Numbers (JSON)")).bytes.toString());
      expect(json.rows.map(({ mode }: { mode: string }) => mode)).toEqual(["dense", "none", "paper", "tail"]);
      expect(json.rows[3].relL2).toBe((await rowOf(page, "tail")).relL2);
      const mask = JSON.parse((await save("Mask (JSON)")).bytes.toString());
      const selected = mask.selected.flat(2).length / (mask.heads * mask.blocks ** 2);
      expect(selected).toBeCloseTo(json.rows[3].density, 9);
      const png = await save("Pictures (PNG)");
      expect(png.bytes.subarray(1, 4).toString()).toBe("PNG");
      await page.context().close();
    });
  });
}
