import type { Backend } from "@spaattn/attention";
import { type Check, describeCheck, readGolden, run, runGolden, summarizeChecks } from "@spaattn/conformance";
import type { FloatDType } from "@spaattn/core";
import { bytesSource, openSafetensors } from "@spaattn/io";

/** What a run of the suite found, printable. */
export interface SuiteResult {
  readonly passed: number;
  /** Why something was skipped, each reason once. */
  readonly skipped: readonly string[];
  readonly failures: readonly string[];
}

export interface SuiteOptions {
  readonly dtypes?: readonly FloatDType[];
  readonly size?: "small" | "all";
  readonly filter?: string;
  /** Golden files to check, and how to get their bytes. */
  readonly goldens?: readonly string[];
  readonly fetchBytes?: (name: string) => Promise<Uint8Array>;
}

/** The tolerance for f32: relative to a tensor's largest magnitude. */
const TOLERANCE = 2e-5;

/** Conformance cases and golden files on one backend, wherever it runs. */
export async function suite(backend: Backend, options: SuiteOptions): Promise<SuiteResult> {
  const { dtypes, size, filter, goldens = [], fetchBytes } = options;
  const checks: Check[] = [];
  if (size) {
    const report = await run(backend, {
      size,
      ...(filter === undefined ? {} : { filter }),
      ...(dtypes ? { dtypes } : {}),
      tolerances: { f32: TOLERANCE },
    });
    checks.push(...report.checks);
  }
  const open = async (name: string) => readGolden(await openSafetensors(bytesSource(await fetchBytes!(name))), name);
  for (const name of goldens) {
    // A file may name another one relative to its own folder.
    const folder = name.slice(0, name.lastIndexOf("/") + 1);
    const within = (path: string) => open(folder + path);
    checks.push(...(await runGolden(backend, await open(name), { open: within, tolerance: TOLERANCE })));
  }
  const { passed } = summarizeChecks(checks);
  const skipped = [...new Set(checks.flatMap((check) => check.skipped ?? []))];
  return { passed, skipped, failures: checks.filter(({ ok }) => !ok).map(describeCheck) };
}
