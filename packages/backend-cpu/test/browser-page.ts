// Bundled and run in a page by browser.test.ts.
import { cpu } from "@spaattn/backend-cpu";
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

Object.assign(globalThis, { check });
