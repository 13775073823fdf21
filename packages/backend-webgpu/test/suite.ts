import type { Backend } from "@spaattn/attention";
import { type Check, describeCheck, readGolden, run, runGolden, summarizeChecks } from "@spaattn/conformance";
import type { FloatDType } from "@spaattn/core";
import { bytesSource, openSafetensors } from "@spaattn/io";

/** What a run of the suite found, printable. */
export interface SuiteResult {
  readonly passed: number;
  readonly skipped: number;
  readonly failures: readonly string[];
}

export interface SuiteOptions {
  readonly dtypes?: readonly FloatDType[];
  /** Synthetic cases whose name contains one of these. */
  readonly cases?: readonly string[];
  /** Also compare with the primitives called one by one. */
  readonly unfused?: boolean;
  readonly goldens?: readonly string[];
  readonly fetchBytes?: (name: string) => Promise<Uint8Array>;
}

/** Conformance cases and golden files on one backend, wherever it runs. */
export async function suite(backend: Backend, options: SuiteOptions): Promise<SuiteResult> {
  const { dtypes, cases = [], unfused = false, goldens = [], fetchBytes } = options;
  const checks: Check[] = [];
  for (const filter of cases) {
    const tolerances = { f32: 1e-4, f16: 5e-3 };
    checks.push(...(await run(backend, { filter, unfused, tolerances, ...(dtypes ? { dtypes } : {}) })).checks);
  }
  const open = async (name: string) => readGolden(await openSafetensors(bytesSource(await fetchBytes!(name))), name);
  for (const name of goldens) checks.push(...(await runGolden(backend, await open(name), { open, tolerance: 1e-4 })));
  const { passed, skipped } = summarizeChecks(checks);
  return { passed, skipped, failures: checks.filter(({ ok }) => !ok).map(describeCheck) };
}
