import type { BackendProvider, Device, FloatDType } from "@spaattn/core";
import { reference } from "@spaattn/reference";
import type { Check } from "../check.js";
import { type ConformanceReport, summarizeChecks } from "../run.js";
import type { NetworkCase } from "./case.js";
import { networkCases } from "./cases/index.js";
import { type Recorder, runNetworkCase } from "./run-case.js";

export interface NetworkOptions {
  /** Default: all of them. */
  readonly cases?: readonly NetworkCase[];
  /** `small`: a few million multiplications per case at most. */
  readonly size?: "small" | "all";
  /** Only cases whose name contains this text. */
  readonly filter?: string;
  /** Default: f32, f16 and bf16. */
  readonly dtypes?: readonly FloatDType[];
  /** How to record, for devices whose programs have `encode`. */
  readonly recorder?: Recorder;
  readonly signal?: AbortSignal;
  /** Called after every case. */
  readonly onChecks?: (checks: readonly Check[], done: number, total: number) => void;
}

/**
 * Runs the cases of all operations of `@spaattn/nn`, and of small whole networks, on a device.
 *
 * Every case runs on memory that holds NaN from an earlier run, two runs at once, into outputs that begin as NaN, and
 * (with `recorder`) as a recording beside a run. What `device.unsupported()` names is skipped with its reason;
 * `skips(report)` lists those, so that a test can assert exactly which. Rejects only with `Aborted`.
 */
export async function runNetwork(device: Device, options: NetworkOptions = {}): Promise<ConformanceReport> {
  const { size = "all", filter = "", dtypes = ["f32", "f16", "bf16"], recorder, signal } = options;
  const chosen = dtypes.flatMap((dtype) =>
    (options.cases ?? networkCases)
      .filter((each) => (size === "all" || each.size === "small") && each.name.includes(filter))
      .filter((each) => each.dtypes?.includes(dtype) ?? true)
      .map((testCase) => ({ dtype, testCase })),
  );
  const oracle = await reference.create();
  const checks: Check[] = [];
  for (const [i, { dtype, testCase }] of chosen.entries()) {
    const fresh = await runNetworkCase(device, testCase, {
      oracle,
      dtype,
      ...(recorder ? { recorder } : {}),
      ...(signal ? { signal } : {}),
    });
    checks.push(...fresh);
    options.onChecks?.(fresh, i + 1, chosen.length);
    // Long runs must not starve a page or a progress bar.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return summarizeChecks(checks);
}

/** Creates a provider's device, runs every network case on it and disposes it. */
export async function testNetwork(provider: BackendProvider, options: NetworkOptions = {}): Promise<ConformanceReport> {
  const device = await provider.create();
  try {
    return await runNetwork(device, options);
  } finally {
    device.dispose();
  }
}

/** What was skipped and why, one line each: to be compared with the list a backend is known to skip. */
export const skips = (report: ConformanceReport): string[] =>
  report.checks.filter(({ skipped }) => skipped !== undefined).map((check) => `${check.case}: ${check.skipped}`);
