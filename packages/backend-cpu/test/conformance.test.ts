import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type CpuOptions, cpu } from "@spaattn/backend-cpu";
import { describe, expect, it } from "vitest";
import { goldenBytes, goldenFiles, levelsFiles } from "./goldens.js";
import { type SuiteOptions, suite } from "./suite.js";

async function check(options: CpuOptions, what: SuiteOptions): Promise<void> {
  const backend = await cpu.create(options);
  try {
    const { passed, skipped, failures } = await suite(backend, { fetchBytes: goldenBytes, ...what });
    expect(failures).toEqual([]);
    // This backend does all there is but levels step by step: a case that is skipped is one that nobody checks.
    expect(skipped.filter((reason) => reason !== 'cpu has no single steps of rectify "levels"')).toEqual([]);
    expect(passed).toBeGreaterThan(10);
  } finally {
    backend.dispose();
  }
}

describe("SIMD kernels", () => {
  it("pass every case in f32", () => check({ kernel: "simd", threads: 1 }, { size: "all", dtypes: ["f32"] }), 120_000);
  it.each([
    ["f16", "ragged"],
    ["bf16", "strata"],
    ["f16", "batch"],
    ["bf16", "whole"],
  ] as const)(
    "take %s (%s)",
    (dtype, filter) => check({ kernel: "simd", threads: 1 }, { size: "small", dtypes: [dtype], filter }),
    120_000,
  );
  it.each(goldenFiles())("%s", (name) => check({ kernel: "simd", threads: 1 }, { goldens: [name] }));
  it.each(levelsFiles())("%s", (name) => check({ kernel: "simd", threads: 1 }, { goldens: [name] }), 240_000);
  it.each(levelsFiles().filter((name) => name.includes("hunyuan")))("%s on two threads with private memories", (name) =>
    check({ kernel: "simd", threads: 2, sharedMemory: false }, { goldens: [name] }),
  );
  it.each(["text", "per head", "relative tolerance", "depth 1"])("levels on two threads (%s)", (filter) =>
    check({ kernel: "simd", threads: 2 }, { size: "small", dtypes: ["f32"], filter: `${filter}, levels` }),
  );
  it("run levels in windows of heads and clusters where memory is short", () =>
    check(
      { kernel: "simd", threads: 1, memoryLimit: 6e6 },
      { size: "all", dtypes: ["f32"], filter: "blocks of 128, levels" },
    ));
  it.each(goldenFiles("cog"))("%s on two threads", (name) =>
    check({ kernel: "simd", threads: 2 }, { goldens: [name] }),
  );
  it.each(goldenFiles("hunyuan_a"))("%s on two threads with private memories", (name) =>
    check({ kernel: "simd", threads: 2, sharedMemory: false }, { goldens: [name] }),
  );
});

describe("relaxed SIMD kernels", () => {
  it("pass the small cases and golden files in an engine that has them", async () => {
    const script = fileURLToPath(new URL("relaxed.mts", import.meta.url));
    const flags = Number(process.versions.node.split(".")[0]) < 22 ? ["--experimental-wasm-relaxed-simd"] : [];
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...flags,
      "--conditions=@spaattn/source",
      "--import",
      "tsx",
      script,
    ]);
    const { kernel, result } = JSON.parse(stdout.split("\n").findLast((line) => line.startsWith("{"))!);
    expect(kernel).toBe("relaxed");
    expect(result.failures).toEqual([]);
    expect(result.passed).toBeGreaterThan(100);
  }, 240_000);
});
