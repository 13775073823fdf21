import type { BackendName, CheckLine } from "../protocol.js";
import { PRIORITY, type TaskContext } from "./context.js";

/** Runs the conformance cases of at most 512 tokens in f32, one turn per case. The cases are loaded when first needed. */
export async function check(name: BackendName, { session, signal, emit }: TaskContext): Promise<void> {
  const [{ conformanceCases, runCase, describeCheck }, { reference }] = await Promise.all([
    import("@spaattn/conformance"),
    import("@spaattn/reference"),
  ]);
  const backend = await session.backends.get(name);
  const oracle = await reference.create();
  const cases = conformanceCases.filter(({ size }) => size === "small");
  try {
    for (const [done, testCase] of cases.entries()) {
      const started = performance.now();
      const checks = await session.scheduler.turn(PRIORITY.check, signal, () =>
        runCase(backend, testCase, { oracle, dtype: "f32", signal }),
      );
      const failed = checks.filter(({ ok }) => !ok);
      const skipped = checks.length === 1 ? checks[0].skipped : undefined;
      const worst = Math.max(
        0,
        ...checks.map(({ maxError = 0, tolerance = 0 }) => (tolerance > 0 ? maxError / tolerance : 0)),
      );
      const line: CheckLine = {
        name: testCase.name,
        status: failed.length > 0 ? "failed" : skipped ? "skipped" : "passed",
        detail:
          failed.length > 0
            ? describeCheck(failed[0])
            : (skipped ?? `${checks.length} tensors, largest error ${Math.round(worst * 100)} % of what is allowed`),
        ms: performance.now() - started,
      };
      emit({ kind: "check", line });
      emit({ kind: "progress", share: (done + 1) / cases.length, what: testCase.name });
    }
  } finally {
    oracle.dispose();
  }
}
