import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import type { World } from "../demo.test.js";
import { openPage, rowOf, settled } from "../support/browser.js";

const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));

interface Row {
  readonly mode: string;
  readonly density: number;
  readonly relL2: number;
  readonly cosine: number;
  readonly psnr: number | null;
}

async function commandLine(...flags: string[]): Promise<Row[]> {
  const args = [
    "apps/cli/bin/spaattn.mjs",
    "compare",
    "apps/cli/assets/clip.webp",
    "--json",
    "--backend",
    "cpu",
    ...flags,
  ];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, maxBuffer: 1 << 24 });
  return (JSON.parse(stdout) as { rows: Row[] }).rows;
}

export function numbersSuite(world: () => World): void {
  describe("the numbers on the page", () => {
    it.each([
      ["cpu", "blockSize=64", ["--block-size", "64"]],
      [
        "cpu",
        "blockSize=128&dropRate=0.6&neighbours=1&curve=raster",
        ["--block-size", "128", "--drop-rate", "0.6", "--neighbours", "--curve", "raster"],
      ],
      [
        "webgpu",
        "blockSize=64&coverMass=0.3&firstFrame=sink",
        ["--block-size", "64", "--cover-mass", "0.3", "--first-frame", "sink"],
      ],
    ] as const)("equal the command line's on %s with %s", async (backend, query, flags) => {
      const { page } = await openPage(world().browsers[backend], { reducedMotion: "reduce" });
      await page.goto(`${world().plain.url}#/explore?v=1&tokens=768&heads=4&backend=${backend}&${query}`);
      const [rows] = await Promise.all([commandLine("--tokens", "768", "--heads", "4", ...flags), settled(page)]);
      expect(rows.map(({ mode }) => mode)).toEqual(["dense", "none", "paper", "tail"]);
      // Both sum in float32, in orders of their own; a different mask or input would show in the first digits.
      for (const row of rows.slice(1)) {
        const shown = await rowOf(page, row.mode);
        expect(shown.density).toBeCloseTo(row.density, 9);
        expect(Math.abs(shown.relL2 / row.relL2 - 1)).toBeLessThan(1e-3);
        expect(Math.abs(shown.psnr - row.psnr!)).toBeLessThan(0.01);
      }
      await page.context().close();
    });
  });
}
