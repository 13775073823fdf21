import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { withSafetensors } from "@spaattn/io/node";
import { rectifiedAttention } from "spaattn";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { spaattn, temporaryFolder, videoTensor, writeTestCapture } from "./spaattn.js";

const { folder, path, remove } = temporaryFolder();
const capture = path("capture.safetensors");
const grid = [4, 8, 16] as const;

beforeAll(() => writeTestCapture(capture));
afterAll(remove);

describe("spaattn run", () => {
  it("writes what the library computes, and the tensors asked for", async () => {
    const output = path("out.safetensors");
    const { code, out, error } = await spaattn([
      "run",
      capture,
      "-o",
      output,
      "--drop-rate",
      "0.5",
      "--mask",
      "--lse",
      "--json",
    ]);
    expect({ code, error }).toEqual({ code: 0, error: "" });
    const said = JSON.parse(out);
    expect(said.tensors).toEqual({
      output: { dtype: "f32", shape: [1, 2, 512, 64] },
      lse: { dtype: "f32", shape: [1, 2, 512] },
      mask: { dtype: "u8", shape: [1, 2, 4, 4] },
    });
    const tensors = [1, 1.1, 2].map((seed) => videoTensor(2, grid, 64, seed));
    const expected = await rectifiedAttention(tensors[0], tensors[1], tensors[2], { grid, dropRate: 0.5 });
    await withSafetensors(output, async (file) => {
      const written = await file.tensor("output");
      expect(written.toFloat32()).toEqual(expected.output.toFloat32());
      const mask = (await file.tensor("mask")).data as Uint8Array;
      expect(mask.reduce((sum, x) => sum + x, 0) / mask.length).toBe(said.density);
      expect(file.metadata).toMatchObject({ format: "spaattn-output/1", rectify: "tail", n_visual: "512" });
    });
  });

  it("refuses to overwrite without --force", async () => {
    const output = path("precious.safetensors");
    writeFileSync(output, "precious");
    const refused = await spaattn(["run", capture, "-o", output]);
    expect(refused).toMatchObject({ code: 1, error: expect.stringContaining("exists already") });
    expect(refused.error).toContain("--force");
    expect(readFileSync(output, "utf8")).toBe("precious");
    const forced = await spaattn([
      "run",
      capture,
      "-o",
      output,
      "--force",
      "--rectify",
      "paper",
      "--factor",
      "--output-dtype",
      "f16",
    ]);
    expect(forced.code).toBe(0);
    await withSafetensors(output, async (file) => {
      expect([...file.names].sort()).toEqual(["factor", "output"]);
      expect((await file.tensor("output")).dtype).toBe("f16");
    });
  });

  it("says what is wrong with a file, and writes nothing", async () => {
    const broken = path("broken.safetensors");
    writeFileSync(broken, readFileSync(capture));
    truncateSync(broken, 5000);
    const truncated = await spaattn(["run", broken, "-o", path("never.safetensors"), "--json"]);
    expect(truncated.code).toBe(1);
    expect(JSON.parse(truncated.out).error).toMatchObject({ code: "MalformedFile", remedy: expect.any(String) });
    const missing = await spaattn(["run", path("nothing.safetensors"), "-o", path("never.safetensors")]);
    expect(missing).toMatchObject({ code: 1, out: "", error: expect.stringContaining("there is no such file") });
    expect(readdirSync(folder).filter((name) => name.includes("never") || name.endsWith(".tmp"))).toEqual([]);
  });

  it("refuses combinations that cannot be", async () => {
    const outcome = await spaattn(["run", capture, "-o", path("x.safetensors"), "--factor"]);
    expect(outcome).toMatchObject({
      code: 2,
      error: expect.stringContaining("--factor exists with --rectify paper only"),
    });
    expect((await spaattn(["run", capture, "-o", path("x.safetensors"), "--drop-rate", "0.1,0.2,0.3"])).code).toBe(2);
  });

  it("stops on Ctrl-C with 130 and leaves nothing behind", async () => {
    const large = path("large.safetensors");
    await writeTestCapture(large, { heads: 4, headDim: 128, grid: [8, 24, 32] });
    const output = path("interrupted.safetensors");
    const { code, error } = await spaattn(["run", large, "-o", output, "--dense", "--backend", "reference"], {
      interruptAfter: 3000,
    });
    expect({ code, error }).toMatchObject({ code: 130, error: expect.stringContaining("cancelled") });
    expect(readdirSync(folder).filter((name) => name.includes("interrupted"))).toEqual([]);
  });
});
