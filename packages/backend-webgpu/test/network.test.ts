import type { WebGpuBackend } from "@spaattn/backend-webgpu";
import { Drawing, describeCheck, networkCases, runNetwork } from "@spaattn/conformance";
import type { FloatDType } from "@spaattn/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { recorderOf } from "./recorder.js";
import { available, closeAll, open } from "./support.js";

afterAll(closeAll);

const DTYPES: readonly FloatDType[] = ["f32", "f16", "bf16"];

// Software drivers take about a second to compile a kernel, so cases are chosen for the kernels they need: each once.
// bench/conformance.ts runs them all.
const F32 = [
  "linear: odd sizes",
  "linear: gelu-erf",
  "linear: tanh",
  "linear: gate by index",
  "linear: a gated pair of quantised weights",
  "linear: q8_0 weights",
  "linear: q5_1 weights",
  "linear: q5_k weights",
  "linear: q6_k weights",
  "linear: views that begin anywhere",
  "linear: a feed-forward in rows",
  "norm: l2, NaN",
  "norm: modulated by index",
  "norm: groups of many positions",
  "heads: text behind",
  "heads: a view",
  "merge: order and text",
  "dense attention: hidden keys, NaN",
  "dense attention: values narrower",
  "dense attention: views",
  "conv: one remembered frame, replicate",
  "conv: 3x3 by strides",
  "binary: two dtypes",
  "unary: clamp",
  "unary: integers",
  "combine: 8 terms",
  "reduce: mean",
  "embed: one id",
  "timestep: 256",
  "transpose: bytes",
  "reshape, slice and concat",
  "pad: replicate",
  "repeat",
];
const HALVES = ["linear: odd sizes", "norm: modulated by index", "heads: a view", "merge: alone", "reshape, slice"];

describe.skipIf(!available)("operations of networks against the oracle", () => {
  let backend: WebGpuBackend;
  beforeAll(async () => {
    backend = await open();
  });

  const check = async (on: WebGpuBackend, filter: string, dtype: FloatDType) => {
    const { checks } = await runNetwork(on, { filter, dtypes: [dtype], recorder: recorderOf(on.gpuDevice) });
    expect(checks.filter(({ ok }) => !ok).map(describeCheck)).toEqual([]);
    expect(checks.length).toBeGreaterThan(3);
    expect(on.device.memory.live).toBe(0);
  };

  it("supports every operation of every case", () => {
    const skipped = networkCases.flatMap((testCase) =>
      (testCase.dtypes ?? DTYPES).flatMap((dtype) => {
        const drawing = new Drawing(dtype);
        testCase.draw(drawing);
        const plan = drawing.build();
        return plan.operations.flatMap((_, i) => {
          const reason = backend.unsupported(plan, i);
          return reason ? [`${testCase.name} [${dtype}]: ${reason}`] : [];
        });
      }),
    );
    expect(skipped).toEqual([]);
  });

  it.each(F32)("f32: %s", (filter) => check(backend, filter, "f32"), 240_000);

  for (const dtype of ["f16", "bf16"] as const)
    it.each(HALVES)(`${dtype}: %s`, (filter) => check(backend, filter, dtype), 240_000);

  it("f16 without shader-f16, with the default limits", async () => {
    const limited = await open({
      defaultLimits: true,
      withoutFeatures: ["shader-f16", "subgroups", "timestamp-query"],
    });
    for (const filter of ["linear: odd sizes", "norm: modulated by index", "combine: 8 terms"])
      await check(limited, filter, "f16");
  }, 240_000);
});
