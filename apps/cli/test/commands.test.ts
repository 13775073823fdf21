import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { spaattn, temporaryFolder, writeTestCapture } from "./spaattn.js";

const { path, folder, remove } = temporaryFolder();
const capture = path("capture.safetensors");
const wrong = fileURLToPath(new URL("fixtures/wrong-backend.mjs", import.meta.url));
const golden = fileURLToPath(new URL("../../../../shared/golden", import.meta.url));

beforeAll(() => writeTestCapture(capture));
afterAll(remove);

describe("spaattn inspect", () => {
  it("gives statistics and masks as JSON and PNG", async () => {
    const png = path("masks.png");
    const { code, out } = await spaattn([
      "inspect",
      capture,
      "--drop-rate",
      "0.5",
      "--png",
      png,
      "--zoom",
      "3",
      "--json",
    ]);
    expect(code).toBe(0);
    const { heads } = JSON.parse(out);
    expect(heads).toHaveLength(2);
    expect(heads[0]).toMatchObject({ density: 0.5, fewest: 2, most: 2 });
    expect(heads[0].mask).toHaveLength(4);
    // 2 heads of 4 x 4 blocks, 3 pixels each, gaps of 8.
    const bytes = readFileSync(png);
    expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual([2 * 12 + 3 * 8, 12 + 2 * 8]);
    const again = await spaattn(["inspect", capture, "--png", png]);
    expect(again).toMatchObject({ code: 1, error: expect.stringContaining("exists already") });
  });

  it("prints a table", async () => {
    const { code, out } = await spaattn(["inspect", capture, "--rectify", "paper", "--head", "1"]);
    expect(code).toBe(0);
    expect(out).toMatch(/head +density +blocks per row +mass covered +busiest block +gain/);
    expect(out).toMatch(/^ *1 +head 1/m);
    expect(out).not.toMatch(/^ *0 +head 0/m);
  });
});

describe("spaattn plan", () => {
  it("gives plan and cost of one call", async () => {
    const { code, out } = await spaattn([
      "plan",
      "--grid",
      "4x8x16",
      "--heads",
      "2",
      "--head-dim",
      "64",
      "--drop-rate",
      "0.5",
      "--json",
    ]);
    expect(code).toBe(0);
    const { plan, cost } = JSON.parse(out);
    expect(plan.steps.map((step: { step: { op: string } }) => step.step.op)).toContain("summarize");
    expect(cost).toMatchObject({
      density: 0.5,
      denseFlop: 2 * 4 * 512 * 512 * 64,
      blocks: { computed: 16, total: 32 },
    });
  });

  it("gives a model's generation", async () => {
    const { code, out } = await spaattn([
      "plan",
      "--model",
      "wan2.1-t2v-14b",
      "--frames",
      "81",
      "--height",
      "720",
      "--width",
      "1280",
      "--json",
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      visualTokens: 75600,
      textTokens: 0,
      grid: [21, 45, 80],
      blocks: 591,
      denseLayers: [0, 1],
      denseSteps: [0, 1, 2, 3, 4],
    });
    const text = await spaattn(["plan", "--model", "flux.1-dev"]);
    expect(text.out).toContain("one column per step");
    expect((await spaattn(["plan", "--model", "wan2.1-t2v-14b", "--height", "721"])).code).toBe(2);
    expect((await spaattn(["plan", "--model", "wan2.1-t2v-14b", "--heads", "3"])).code).toBe(2);
  });
});

describe("spaattn plan --placement", () => {
  const model = ["plan", "--model", "wan2.1-t2v-14b", "--placement"];
  const size = ["--frames", "81", "--height", "720", "--width", "1280"];

  it("places a whole forward of the 14B transformer: under 8 GB, and no value over 2 GiB", async () => {
    const { code, out } = await spaattn([...model, ...size, "--json"]);
    expect(code).toBe(0);
    const placement = JSON.parse(out);
    expect(placement).toMatchObject({ model: "wan2.1-t2v-14b", dtype: "bf16", tokens: 75_600, segments: 42 });
    expect(placement.peakActivationBytes).toBeLessThan(8e9);
    // Queries, keys and values of one layer have to be there at once.
    expect(placement.peakActivationBytes).toBeGreaterThan(3 * 75_600 * 5120 * 2);
    expect(placement.largestValueBytes).toBeLessThanOrEqual(2 ** 31);
    expect(placement.slots).toBeGreaterThan(3);
    expect(placement.operations).toBeGreaterThan(40 * 20);
    expect(placement.weightBytes).toBeCloseTo(2 * 14.29e9, -8);
    expect(placement.byOperation.attention.count).toBe(38);
  });

  it("does the same for the other Wan models, in words", async () => {
    for (const name of ["wan2.1-i2v-14b-480p", "wan2.2-ti2v-5b"]) {
      const { code, out } = await spaattn(["plan", "--model", name, "--placement", "--dtype", "f16"]);
      expect(code).toBe(0);
      expect(out).toMatch(/one forward in f16/);
      expect(out).toMatch(/fits in a binding of WebGPU/);
    }
  });

  it("says which models it knows", async () => {
    const { code, error } = await spaattn(["plan", "--model", "flux.1-dev", "--placement"]);
    expect(code).toBe(2);
    expect(error).toContain("--placement knows wan2.1-t2v-1.3b");
    expect((await spaattn(["plan", "--placement", "--visual-tokens", "1000"])).error).toContain(
      "--placement needs --model",
    );
  });
});

describe("spaattn verify", () => {
  it("passes the oracle", async () => {
    const { code, out, error } = await spaattn(["verify", "--backend", "reference", "--filter", "one block"]);
    expect({ code, error }).toEqual({ code: 0, error: "" });
    expect(out).toMatch(/reference conforms: \d+ tensors passed, 0 failed/);
  });

  it("catches a wrong backend from a file, with the first differing index, and leaves with 4", async () => {
    const { code, out } = await spaattn(["verify", "--backend", wrong, "--filter", "one block", "--size", "small"]);
    expect(code).toBe(4);
    expect(out).toMatch(/^FAILED one block, tail \[f32\]: output .* first at \[0, 0, \d+, \d+\]: got /m);
    expect(out).toContain("wrong DIFFERS");
    const json = await spaattn(["verify", "--backend", wrong, "--filter", "one block, tail", "--json"]);
    expect(json.code).toBe(4);
    expect(JSON.parse(json.out).failed).toBeGreaterThan(0);
  });

  it("checks golden files of a folder", async (context) => {
    if (!existsSync(golden)) {
      console.warn(`SKIPPED: no golden files at ${golden}`);
      return context.skip("golden files are not here");
    }
    const args = ["verify", "--golden", golden, "--golden-only", "--filter", "wan21_t2v_tiny", "--backend"];
    const good = await spaattn([...args, "reference"]);
    expect(good).toMatchObject({ code: 0, out: expect.stringMatching(/wan21_t2v_tiny\.tail +\d+ +0 +0/) });
    expect((await spaattn([...args, wrong])).code).toBe(4);
  });

  it("refuses folders without golden files", async () => {
    expect((await spaattn(["verify", "--golden", path("nowhere"), "--golden-only"])).code).toBe(1);
    expect(await spaattn(["verify", "--golden-only"])).toMatchObject({ code: 2 });
  });
});

describe("spaattn doctor", () => {
  it("lists backends, why some are missing, and what to do", async () => {
    const { code, out } = await spaattn(["doctor", "--json"]);
    expect(code).toBe(0);
    const { machine, backends } = JSON.parse(out);
    expect(machine.node).toBe(process.versions.node);
    const names = backends.map(({ name }: { name: string }) => name);
    expect(names).toEqual(["cpu", "webgpu", "cuda", "reference"]);
    for (const { probe } of backends)
      if (!probe.available) expect([probe.reason.length > 10, probe.remedy.length > 10]).toEqual([true, true]);
  });

  it("fails with 3 when a required backend is missing", async () => {
    const { code, out } = await spaattn(["doctor"], { env: { SPAATTN_REQUIRE: "cpu,no-such-backend" } });
    expect(code).toBe(3);
    expect(out).toMatch(/no +no-such-backend .*\(required\)/);
    expect(out).toContain("npm install no-such-backend");
  });
});

describe("spaattn calibrate and models", () => {
  it("writes a preset that plan takes, and says what it buys", async () => {
    const model = "wan2.1-t2v-1.3b";
    const shape = { heads: 12, headDim: 128, grid: [4, 8, 16] as [number, number, number], model };
    await writeTestCapture(path("layer2.safetensors"), { ...shape, layer: 2 });
    await writeTestCapture(path("held.safetensors"), { ...shape, layer: 2, seed: 5 });
    const args = ["calibrate", "layer2.safetensors", "--density", "0.5", "--check", "held.safetensors"];
    const { code, out, error } = await spaattn(args, { cwd: folder });
    expect({ code, error }).toEqual({ code: 0, error: "" });
    expect(out).toContain(`${model}-4x8x16.preset.json: drop rates for 1 layer of ${model}`);
    expect(out).toContain("which it was not made from");
    const preset = JSON.parse(readFileSync(path(`${model}-4x8x16.preset.json`), "utf8"));
    expect(preset.measured.calibrated.error).toBeLessThanOrEqual(preset.measured.uniform.error);
    expect((await spaattn(args, { cwd: folder })).code).toBe(1);
    // Made for another grid than the model's default: refused with the reason.
    const refused = await spaattn(["plan", "--model", model, "--preset", `${model}-4x8x16.preset.json`], {
      cwd: folder,
    });
    expect(refused.code).not.toBe(0);
    expect(refused.error).toContain("4x8x16");
    expect((await spaattn(["calibrate", capture])).code).toBe(2);
  });

  it("lists models", async () => {
    const { out } = await spaattn(["models", "--json"]);
    expect(JSON.parse(out).models).toHaveLength(11);
  });
});
