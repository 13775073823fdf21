// Conformance cases on the machine's GPU, as a report in JSON:
//   node conformance.mjs FILE [FILTER] [--dtypes f32,f16] [--size small] [--only network,attention] [--dawn "backend=vulkan ..."]
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { createAttention } from "@spaattn/attention";
import { webgpu } from "@spaattn/backend-webgpu";
import { type Check, describeCheck, run, runNetwork } from "@spaattn/conformance";
import type { FloatDType } from "@spaattn/core";
import { Builder } from "@spaattn/nn";
import { recorderOf } from "../test/recorder.js";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dtypes: { type: "string" },
    size: { type: "string", default: "all" },
    dawn: { type: "string", default: "backend=vulkan" },
    only: { type: "string", default: "network,attention" },
  },
});
const [file, filter = ""] = positionals;
const backend = await webgpu.create({ dawn: flags.dawn.split(" ") });
const checks: Check[] = [];
const kinds = flags.dtypes?.split(",") as FloatDType[] | undefined;

/** The attention kernel of a type, as it will be chosen for a head size that every kernel can do. */
async function kernelOf(dtype: FloatDType): Promise<string> {
  const attention = await createAttention(backend, { heads: 1, headDim: 64, visualTokens: 128, dtype, dense: true });
  const { kernel, reason } = attention.describe().find(({ op }) => op === "attend")!;
  attention.dispose();
  return `${kernel}: ${reason}`;
}
/** The kernel of a linear layer of a type, weights in the same. */
async function linearKernelOf(dtype: FloatDType): Promise<string> {
  const g = new Builder({ dtype, weightDtype: dtype });
  g.output("y", g.linear(g.input("x", dtype, [1, 64, 64]), g.linearWeights("w", 64, 64)));
  const program = await backend.compile(g.build());
  const [{ kernel, reason }] = program.describe();
  program.dispose();
  return `${kernel}: ${reason}`;
}
const networkKernels = Object.fromEntries(
  await Promise.all((kinds ?? ["f32", "f16", "bf16"]).map(async (dtype) => [dtype, await linearKernelOf(dtype)])),
);
const kernels = Object.fromEntries(
  await Promise.all((kinds ?? ["f32", "f16", "bf16"]).map(async (dtype) => [dtype, await kernelOf(dtype)])),
);

/** Written after every case: a run that is cut short still says what it saw. */
function save(done: number, total: number) {
  const skipped = checks.filter((check) => check.skipped !== undefined).length;
  const broken = checks.filter(({ ok }) => !ok);
  const worst = Math.max(...checks.map(({ maxError = 0, tolerance }) => (tolerance ? maxError / tolerance : 0)));
  const counts = { passed: checks.length - skipped - broken.length, failed: broken.length, skipped };
  const report = {
    device: backend.device.label,
    nativeF16: backend.device.hasF16,
    kernels,
    networkKernels,
    done,
    total,
    ...counts,
  };
  writeFileSync(file, JSON.stringify({ ...report, worstOfTolerance: worst, broken }, undefined, 2));
  return counts;
}

let counts = { passed: 0, failed: 0, skipped: 0 };
const options = {
  filter,
  size: flags.size === "small" ? ("small" as const) : ("all" as const),
  ...(kinds ? { dtypes: kinds } : {}),
  onChecks: (fresh: readonly Check[], done: number, total: number) => {
    checks.push(...fresh);
    for (const check of fresh) if (!check.ok) console.log(describeCheck(check));
    counts = save(done, total);
  },
};
const parts = flags.only.split(",");
if (parts.includes("network")) await runNetwork(backend, { ...options, recorder: recorderOf(backend.gpuDevice) });
if (parts.includes("attention")) await run(backend, options);
console.log(
  `${backend.device.label}: ${counts.passed} checks passed, ${counts.failed} failed, ${counts.skipped} skipped`,
);
backend.dispose();
