import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { bytesSource, openSafetensors } from "@spaattn/io";
import { reference } from "@spaattn/reference";
import { describe, expect, it } from "vitest";
import { checkModelGrids, describeCheck, type GoldenFile, type Outcome, readGolden, runGolden } from "../src/index.js";

const folder = fileURLToPath(new URL("../../../../shared/golden/", import.meta.url));

async function open(name: string): Promise<GoldenFile> {
  return readGolden(await openSafetensors(bytesSource(readFileSync(folder + name))), name);
}

if (!existsSync(folder)) {
  console.warn(`SKIPPED: the golden files are not here (${folder}); reference tests against them did not run.`);
  describe.skip("golden files (absent)", () => it("needs ../shared/golden", () => {}));
} else {
  describe("golden files on the reference backend", () => {
    const files = readdirSync(folder).filter((name) => name.endsWith(".safetensors"));

    it.each(files)(
      "%s",
      async (name) => {
        const backend = await reference.create();
        const checks = await runGolden(backend, await open(name), { open });
        expect(checks.length).toBeGreaterThan(10);
        expect(checks.filter(({ ok }) => !ok).map(describeCheck)).toEqual([]);
        expect(checks.filter(({ skipped }) => skipped).map(describeCheck)).toEqual([]);
      },
      240_000,
    );

    // The others are as long as captures are; the CPU backend's tests check them.
    const small = ["hunyuan_clip", "wan21_t2v_tiny", "wan22_ti2v_a"].map((name) => `levels/${name}.safetensors`);
    it.each(small.filter((name) => existsSync(folder + name)))(
      "%s",
      async (name) => {
        const backend = await reference.create();
        const within = (path: string) => open(path.startsWith("../") ? path.slice(3) : `levels/${path}`);
        const checks = await runGolden(backend, await open(name), { open: within });
        expect(checks.length).toBeGreaterThan(30);
        expect(checks.filter(({ ok }) => !ok).map(describeCheck)).toEqual([]);
        expect(checks.filter(({ skipped }) => skipped).map(describeCheck)).toEqual([]);
      },
      240_000,
    );

    it("model grids match their hashes", async () => {
      const grids = JSON.parse(readFileSync(`${folder}curve_model_grids.json`, "utf8"));
      const failed: string[] = [];
      let count = 0;
      await checkModelGrids(grids, (tensor: string, { ok, note }: Outcome) => {
        count++;
        if (!ok) failed.push(`${tensor} ${note ?? ""}`);
      });
      expect(failed).toEqual([]);
      expect(count).toBe(5 * grids.length);
    });
  });
}
