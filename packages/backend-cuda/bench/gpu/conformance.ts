// The conformance suites on the GPU, with a stream of the caller's for recordings.
import { describeCheck, type Recorder, run, runNetwork } from "@spaattn/conformance";
import { isSpaAttnError } from "@spaattn/core";
import { casesOf128, isKnown } from "../conformance-cases.js";
import type { Section } from "../gpu.js";

export async function checkConformance({ backend, fail, seconds }: Section): Promise<void> {
  const { device } = backend;
  const stream = device.driver.createStream();
  const recorder: Recorder = { begin: () => stream, end: () => device.finished(stream) };
  const end = AbortSignal.timeout(1000 * seconds);
  for (const [dtype, size] of [
    ["bf16", "all"],
    ["f16", "small"],
    ["f32", "small"],
  ] as const) {
    const totals = { passed: 0, failed: 0, skipped: 0 };
    try {
      await runNetwork(backend, {
        dtypes: [dtype],
        size,
        recorder,
        signal: end,
        onChecks: (checks) => {
          for (const check of checks) {
            totals[check.skipped ? "skipped" : check.ok ? "passed" : "failed"]++;
            if (!check.ok) fail(describeCheck(check));
          }
        },
      });
    } catch (error) {
      if (!isSpaAttnError(error, "Aborted")) throw error;
      fail(`stopped after ${seconds} s`);
    }
    console.log(`network conformance ${dtype}: ${JSON.stringify(totals)}`);
  }
  device.driver.destroyStream(stream);
}

export async function checkAttention({ backend, fail, seconds }: Section): Promise<void> {
  const totals = { passed: 0, failed: 0, skipped: 0, known: 0 };
  try {
    await run(backend, {
      cases: casesOf128,
      size: "small",
      signal: AbortSignal.timeout(1000 * seconds),
      onChecks: (checks) => {
        for (const check of checks) {
          const known = !check.ok && isKnown(check);
          totals[check.skipped ? "skipped" : check.ok ? "passed" : known ? "known" : "failed"]++;
          if (!check.ok && !known) fail(describeCheck(check));
        }
      },
    });
  } catch (error) {
    if (!isSpaAttnError(error, "Aborted")) throw error;
    console.log(`stopped after ${seconds} s`);
  }
  console.log(`attention conformance: ${JSON.stringify(totals)}`);
}
