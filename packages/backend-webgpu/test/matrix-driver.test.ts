import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { required } from "./support.js";

// Subgroup matrices need a newer driver than the other tests have. It comes with its own C library, so it cannot be
// loaded here: Node runs once more, through the dynamic linker that belongs to that driver.
const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const DAWN = ["backend=vulkan", "enable-dawn-features=allow_unsafe_apis"];

const setUp = spawnSync(process.execPath, [at("../../../tooling/setup-vulkan-matrix.mjs"), "--no-download"], {
  encoding: "utf8",
});
const found = setUp.status === 0;
const reason = setUp.stderr.trim();
if (!found && required) throw new Error(`CI needs a Vulkan driver with cooperative matrices: ${reason}`);
if (!found) console.warn(`SKIPPED: subgroup matrices did not run (${reason}).`);

/** What a run of Node on that driver printed. */
async function node(...args: string[]): Promise<string> {
  const { command, env } = JSON.parse(setUp.stdout) as { command: [string, ...string[]]; env: Record<string, string> };
  const [program, ...prefix] = command;
  const options = { cwd: at(".."), env: { ...process.env, ...env } };
  return (await promisify(execFile)(program, [...prefix, ...args], options)).stdout;
}

describe.skipIf(!found)("on a driver with cooperative matrices", () => {
  const folder = mkdtempSync(join(tmpdir(), "spaattn-matrix-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  it("Dawn offers matrices of half floats with f32 results", async () => {
    const script = `
      import { create } from "webgpu";
      const gpu = create(${JSON.stringify(DAWN)});
      const { features, info } = await gpu.requestAdapter();
      const configs = Array.from(info.subgroupMatrixConfigs, (config) =>
        [config.M, config.N, config.K, config.componentType, config.resultComponentType].join(" "));
      console.log(JSON.stringify({ features: [...features], configs }));
      process.exit(0);`;
    const { features, configs } = JSON.parse(await node("--input-type=module", "--eval", script));
    expect(features).toEqual(expect.arrayContaining(["chromium-experimental-subgroup-matrix", "shader-f16"]));
    expect(configs).toContain("8 8 8 f16 f32");
  });

  // Chosen for the kernels they need, as in conformance.test.ts: compiling these takes most of the time.
  it.each(["ragged, with text", "batch with different", "huge logits", "head dim 128, blocks of 64"])(
    "f16: %s",
    async (cases) => {
      const report = join(folder, `${cases}.json`);
      const source = ["--conditions=@spaattn/source", "--import", "tsx", at("../bench/conformance.ts")];
      const only = ["--only", "attention", "--dtypes", "f16", "--dawn", DAWN.join(" ")];
      const printed = await node(...source, report, cases, ...only);
      const { device, nativeF16, kernels, failed, passed } = JSON.parse(readFileSync(report, "utf8"));
      expect(device).toContain("llvmpipe");
      expect(nativeF16).toBe(true);
      expect(kernels.f16).toMatch(/^attend\.matrix: subgroup matrices of 8 x 8 x 8/);
      expect(failed, printed).toBe(0);
      expect(passed).toBeGreaterThan(3);
    },
    300_000,
  );

  it.each(["linear: gated pair", "conv: weights in f16"])(
    "f16 network: %s",
    async (cases) => {
      const report = join(folder, "network.json");
      const source = ["--conditions=@spaattn/source", "--import", "tsx", at("../bench/conformance.ts")];
      const only = ["--only", "network", "--dtypes", "f16", "--dawn", DAWN.join(" ")];
      const printed = await node(...source, report, cases, ...only);
      const { networkKernels, failed, passed } = JSON.parse(readFileSync(report, "utf8"));
      expect(networkKernels.f16).toMatch(/^linear\.matrix: subgroup matrices of 8 x 8 x 8/);
      expect(failed, printed).toBe(0);
      expect(passed).toBeGreaterThan(3);
    },
    300_000,
  );
});
