// Everything that only a real GPU can show: conformance, goldens, errors, leaks.
// node --conditions=@spaattn/source --import tsx bench/device-check.ts [--goldens DIRECTORY] [--filter TEXT] [--only NAME,NAME] [--dtype f16|bf16] [--general]
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createAttention } from "@spaattn/attention";
import { describeCheck, readGolden, run, runGolden, summarizeChecks } from "@spaattn/conformance";
import { type FloatDType, HostTensor, isSpaAttnError } from "@spaattn/core";
import { openSafetensors } from "@spaattn/io";
import type { CudaBackend } from "../src/backend.js";
import { cuda } from "../src/index.js";
import { casesOf128, isKnown } from "./conformance-cases.js";

const { values: options } = parseArgs({
  options: {
    goldens: { type: "string" },
    filter: { type: "string" },
    only: { type: "string" },
    dtype: { type: "string" },
    general: { type: "boolean" },
  },
});
let failures = 0;
const fail = (text: string) => {
  failures++;
  console.log(text.startsWith("FAILED") ? text : `FAILED ${text}`);
};
const bytes = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

async function conformance(backend: CudaBackend): Promise<void> {
  const report = await run(backend, {
    cases: casesOf128,
    ...(options.filter ? { filter: options.filter } : {}),
    ...(options.dtype ? { dtypes: [options.dtype as FloatDType] } : {}),
  });
  for (const check of report.checks) {
    if (check.ok) continue;
    if (isKnown(check)) console.log(`known: ${describeCheck(check)}`);
    else fail(describeCheck(check));
  }
  console.log(`conformance: ${report.passed} passed, ${report.failed} failed, ${report.skipped} skipped`);
}

async function goldens(backend: CudaBackend, directory: string): Promise<void> {
  const open = async (name: string) => {
    const file = name.endsWith(".safetensors") ? name : `${name}.safetensors`;
    return readGolden(await openSafetensors(readFileSync(join(directory, file))), file);
  };
  for (const bits of ["f16", "bf16"] as const) {
    if (options.dtype && options.dtype !== bits) continue;
    const limited = new Proxy(backend, {
      get: (target, key) => {
        if (key === "capabilities") return { ...target.capabilities, dtypes: [bits] };
        const value = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const checks = [];
    for (const name of readdirSync(directory).filter((file) => file.endsWith(".safetensors"))) {
      if (bits === "bf16" && name.includes(".tail.")) continue;
      checks.push(...(await runGolden(limited, await open(name), { open })));
    }
    const report = summarizeChecks(checks);
    for (const check of checks) if (!check.ok) fail(describeCheck(check));
    console.log(`goldens ${bits}: ${report.passed} passed, ${report.failed} failed, ${report.skipped} skipped`);
  }
}

/** Free memory of the device is looked at too, so nothing else may run on it. */
async function leaks(backend: CudaBackend): Promise<void> {
  const spec = { heads: 2, headDim: 64, visualTokens: 600, textTokens: 30, dtype: "bf16", rectify: "tail" } as const;
  const host = () => new HostTensor("bf16", [1, 2, 630, 64]);
  const once = async () => {
    const attention = await createAttention(backend, spec);
    const { output } = await attention.run({ query: host(), key: host(), value: host() });
    await output.read();
    output.dispose();
    attention.dispose();
  };
  for (let i = 0; i < 10; i++) await once();
  const driver = backend.device.driver;
  const before = { ...backend.memory, free: driver.memoryInfo().free };
  for (let i = 0; i < 1000; i++) await once();
  const after = { ...backend.memory, free: driver.memoryInfo().free };
  const same = before.inUse === after.inUse && before.held === after.held && after.free >= before.free;
  if (!same) fail(`leak over 1000 runs: ${JSON.stringify(before)} then ${JSON.stringify(after)}`);
  console.log(`leaks: 1000 runs, ${JSON.stringify(after)}`);
}

async function expectCode(what: string, code: string, body: () => unknown): Promise<void> {
  try {
    await body();
    fail(`${what} did not throw`);
  } catch (error) {
    const got = isSpaAttnError(error) ? error.code : (error as Error).name;
    if (got !== code) fail(`${what} threw ${got}: ${(error as Error).message}`);
    else console.log(`${what}: ${got}: ${(error as Error).message}`);
  }
}

async function errors(backend: CudaBackend): Promise<void> {
  await expectCode("out of memory", "OutOfMemory", () => backend.allocate("f32", [1e6, 1e6]));
  await expectCode("invalid pointer", "TypeError", () => backend.wrap(0xdead0000n, "bf16", [1, 1, 128, 64]));
  await expectCode("missing driver", "BackendUnavailable", () => cuda.create({ library: "libcuda-missing.so" }));
  await expectCode("no such device", "BackendUnavailable", () => cuda.create({ device: 99 }));
  const tensor = backend.upload(new HostTensor("f32", [4], Float32Array.of(1, 2, 3, 4)));
  const wrapped = backend.wrap(tensor.pointer, "f32", [4]);
  if ((await wrapped.read()).data[2] !== 3) fail("wrap reads other memory");
  wrapped.dispose();
  if ((await backend.elementwise.meanAbsolute(tensor)) !== 2.5) fail("meanAbsolute");
  tensor.dispose();
  // A kernel that reads where nothing is kills the context: everything after must say so.
  const lost = await cuda.create();
  const a = lost.upload(new HostTensor("f32", [bytes([4])]));
  const { Params } = await import("../src/params.js");
  const bad = new Params().pointers(16n, 16n, 16n).longs(1000).floats(1).ints(0).bytes();
  lost.device.launch(lost.stream, {
    module: "elementwise",
    kernel: "combine",
    grid: [1],
    threads: 256,
    parameters: [bad],
  });
  await expectCode("lost context", "DeviceLost", () => a.read());
  await expectCode("after a lost context", "DeviceLost", () => a.read());
}

const backend = await cuda.create();
// The kernel of other generations runs on Hopper too, compiled by the driver from its PTX.
if (options.general) (backend.device as { capability: number }).capability = 80;
console.log(JSON.stringify(await cuda.probe()));
const wanted = (name: string) => !options.only || options.only.split(",").includes(name);
if (wanted("conformance")) await conformance(backend);
if (wanted("goldens") && options.goldens) await goldens(backend, options.goldens);
if (wanted("leaks")) await leaks(backend);
if (wanted("errors")) await errors(backend);
console.log(failures === 0 ? "device check: all ok" : `device check: ${failures} failures`);
process.exitCode = failures === 0 ? 0 : 1;
