import type { Backend, BackendProvider } from "@spaattn/attention";
import type { FloatDType } from "@spaattn/core";
import { reference } from "@spaattn/reference";
import { type ConformanceCase, conformanceCases } from "./cases.js";
import type { Check } from "./check.js";
import { runCase } from "./run-case.js";

export interface ConformanceOptions {
  /** Default: every synthetic case. */
  readonly cases?: readonly ConformanceCase[];
  /** `small`: only cases of at most 512 tokens. */
  readonly size?: "small" | "all";
  /** Only cases whose name contains this text. */
  readonly filter?: string;
  /** Default: every dtype of the backend. */
  readonly dtypes?: readonly FloatDType[];
  /** Allowed error per storage type, relative to a tensor's largest magnitude; see `toleranceOf`. */
  readonly tolerances?: Partial<Record<FloatDType, number>>;
  /** Also compare fused with unfused runs; default true. */
  readonly unfused?: boolean;
  readonly signal?: AbortSignal;
  /** Called after every case. */
  readonly onChecks?: (checks: readonly Check[], done: number, total: number) => void;
}

export interface ConformanceReport {
  readonly checks: readonly Check[];
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Counts checks. */
export function summarizeChecks(checks: readonly Check[]): ConformanceReport {
  const skipped = checks.filter((check) => check.skipped !== undefined).length;
  const failed = checks.filter((check) => !check.ok).length;
  return { checks, passed: checks.length - skipped - failed, failed, skipped };
}

/**
 * Runs the synthetic cases on a backend and compares every tensor with the float64 oracle.
 *
 * What a backend cannot do (by its `capabilities`) is skipped by name. Rejects only with `Aborted`.
 */
export async function run(backend: Backend, options: ConformanceOptions = {}): Promise<ConformanceReport> {
  const { size = "all", filter = "", dtypes = backend.capabilities.dtypes } = options;
  const chosen = (options.cases ?? conformanceCases).filter(
    (testCase) => (size === "all" || testCase.size === "small") && testCase.name.includes(filter),
  );
  const oracle = await reference.create();
  const checks: Check[] = [];
  const total = chosen.length * dtypes.length;
  let done = 0;
  try {
    for (const dtype of dtypes)
      for (const testCase of chosen) {
        const { tolerances, unfused, signal } = options;
        const fresh = await runCase(backend, testCase, {
          oracle,
          dtype,
          ...(tolerances ? { tolerances } : {}),
          ...(unfused === undefined ? {} : { unfused }),
          ...(signal ? { signal } : {}),
        });
        checks.push(...fresh);
        options.onChecks?.(fresh, ++done, total);
        // Long runs must not starve a page or a progress bar.
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
  } finally {
    oracle.dispose();
  }
  return summarizeChecks(checks);
}

/** Creates a provider's backend, runs every case on it and disposes it. For tests of third-party backends. */
export async function testBackend(
  provider: BackendProvider,
  options: ConformanceOptions = {},
): Promise<ConformanceReport> {
  const backend = await provider.create();
  try {
    return await run(backend, options);
  } finally {
    backend.dispose();
  }
}

/** One line a person can read: what, where, by how much. */
export function describeCheck(check: Check): string {
  const where = `${check.case}: ${check.tensor}`;
  if (check.skipped) return `skipped ${where} (${check.skipped})`;
  const size = check.maxError === undefined ? "" : ` error ${check.maxError.toExponential(1)}`;
  const limit = check.tolerance ? ` (tolerance ${check.tolerance.toExponential(1)})` : "";
  const at = check.firstIndex
    ? ` first at [${check.firstIndex.join(", ")}]: got ${check.got}, expected ${check.expected}`
    : "";
  const none = check.notFinite ? ` (${check.notFinite} values not finite)` : "";
  return `${check.ok ? "ok" : "FAILED"} ${where}${size}${none}${limit}${at}${check.note ? ` - ${check.note}` : ""}`;
}
