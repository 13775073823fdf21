import { compilePlan, createAttention, topBlocks } from "@spaattn/attention";
import { HostTensor } from "@spaattn/core";
import { describe, expect, it } from "vitest";
import { reference } from "../src/index.js";
import { waves } from "./harness.js";

const spec = {
  heads: 2,
  headDim: 16,
  visualTokens: 500,
  blockSize: 64,
  rectify: "tail",
  policy: topBlocks({ dropRate: 0.7 }),
} as const;

describe("the reference backend", () => {
  it("is always there and computes in float64", async () => {
    expect(await reference.probe()).toMatchObject({ available: true });
    const { capabilities, name } = await reference.create();
    expect(name).toBe("reference");
    expect(capabilities).toMatchObject({ accumulate: "f64", encode: false, blockSizes: [64, 128] });
    const { tensors } = compilePlan(spec, { accumulate: "f64" });
    expect(tensors.bias.dtype).toBe("f64");
  });

  it("is made of files that fit a few screens", async () => {
    const { readdirSync, readFileSync } = await import("node:fs");
    const folder = new URL("../src/", import.meta.url);
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
    expect(files.length).toBeGreaterThan(25);
    for (const file of files)
      expect(readFileSync(new URL(file, folder), "utf8").split("\n").length, file).toBeLessThan(200);
  });

  it("copies on upload and owns host tensors", async () => {
    const backend = await reference.create();
    const tensor = new HostTensor("f32", [2], Float32Array.of(1, 2));
    const copy = backend.upload(tensor) as HostTensor<"f32">;
    copy.data[0] = 5;
    expect(tensor.data[0]).toBe(1);
    expect(backend.owns(tensor)).toBe(true);
    expect(() => backend.allocate("f64", [2 ** 20, 2 ** 20])).toThrow(/No memory for a f64 tensor/);
  });

  it("reports progress, lets the event loop run, and stops when told to", async () => {
    const attention = await createAttention(await reference.create(), { ...spec, visualTokens: 3000, headDim: 64 });
    const io = waves({ ...spec, visualTokens: 3000, headDim: 64 });
    const stop = new AbortController();
    const seen: number[] = [];
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const run = attention.run(
      { ...io },
      {
        signal: stop.signal,
        onProgress: (done, stage) => {
          seen.push(done);
          if (stage === "attend" && ticks > 0 && seen.length > 4) stop.abort();
        },
      },
    );
    await expect(run).rejects.toMatchObject({ code: "Aborted" });
    clearInterval(timer);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(ticks).toBeGreaterThan(0);
  });
});
