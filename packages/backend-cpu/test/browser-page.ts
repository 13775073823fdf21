// Bundled and run in a page by browser.test.ts.
import { cpu } from "@spaattn/backend-cpu";
import { describeCheck, runNetwork } from "@spaattn/conformance";
import { type SuiteOptions, suite } from "./suite.js";

async function check(options: SuiteOptions & { readonly threads: number; readonly kernel: "auto" | "simd" }) {
  const { threads, kernel, ...what } = options;
  const backend = await cpu.create({ threads, kernel });
  const probe = await cpu.probe();
  const fetchBytes = async (name: string) => new Uint8Array(await (await fetch(`/golden/${name}`)).arrayBuffer());
  const result = await suite(backend, { ...what, fetchBytes });
  backend.dispose();
  return { ...result, isolated: crossOriginIsolated, details: probe.available ? probe.details : undefined };
}

/** Cases of whole networks, by name. */
async function checkNetworks({ threads, filter }: { readonly threads: number; readonly filter: string }) {
  const device = await cpu.create({ threads });
  const report = await runNetwork(device, { dtypes: ["f32"], size: "small", filter });
  device.dispose();
  return { passed: report.passed, failures: report.checks.filter(({ ok }) => !ok).map(describeCheck) };
}

Object.assign(globalThis, { check, checkNetworks });
