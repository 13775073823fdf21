import type { WebGpuBackend } from "@spaattn/backend-webgpu";
import type { FloatDType } from "@spaattn/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type SuiteOptions, suite } from "./suite.js";
import { available, closeAll, goldenBytes, goldenFiles, open, required } from "./support.js";

describe.skipIf(!available)("on the adapter Node has", () => {
  afterAll(closeAll);

  let backend: WebGpuBackend;
  beforeAll(async () => {
    backend = await open();
  });

  const check = async (what: SuiteOptions) => {
    const { passed, failures } = await suite(backend, { fetchBytes: goldenBytes, ...what });
    expect(failures).toEqual([]);
    expect(passed).toBeGreaterThan(3);
    // Whatever ran is disposed: no buffer stays behind.
    expect(backend.device.memory.live).toBe(0);
  };

  it.runIf(required)("has native half floats, where they are required", () => {
    expect(backend.device.hasF16).toBe(true);
  });

  // Software drivers take about a second to compile a kernel, so cases are chosen for the kernels they need: each once.
  const f32 = [
    "dense",
    "ragged, with text",
    "batch with different",
    "huge logits",
    "tiny logits",
    "peaked",
    "nothing dropped",
    "everything dropped",
    "mass alone",
    "a host function",
    "neighbours and first",
    "raster order",
    "reference behaviour",
    "strata eigen",
    "strata contiguous",
  ];
  it.each(f32)("f32: %s", (name) => check({ dtypes: ["f32"], cases: [name] }), 240_000);
  it(
    "f32: one primitive at a time gives the same",
    () => check({ dtypes: ["f32"], cases: ["another scale"], unfused: true }),
    240_000,
  );

  const halves: [FloatDType, string][] = [
    ["f16", "ragged, with text"],
    ["f16", "head dim 128, blocks of 64, tail"],
    ["f16", "head dim 128, blocks of 64, paper"],
    ["bf16", "dense, ragged"],
  ];
  it.each(halves)("%s: %s", (dtype, name) => check({ dtypes: [dtype], cases: [name] }), 240_000);

  it.each(goldenFiles(""))("golden %s", (name) => check({ goldens: [name] }), 240_000);
});
