import { buildInputs, compareRow, MODES, type Mode, type ModeRun, runMode } from "@spaattn/lab";
import { DemoError } from "../failure.js";
import type { BackendName } from "../protocol.js";
import { PRIORITY, type TaskContext } from "./context.js";

const SIZES = [1024, 2048, 4096, 8192];
const HEADS = 8;
const DROP_RATE = 0.8;
const REPEATS = 3;
/** A size whose dense run would take longer than this is left out. */
const LONGEST_MS = 15_000;

/** Times every mode against dense on growing numbers of tokens of the opened clip; medians of interleaved runs. */
export async function bench(name: BackendName, { session, signal, emit }: TaskContext): Promise<void> {
  const { clip } = session.opened;
  if (!clip)
    throw new DemoError(
      "Unsupported",
      "The benchmark runs on a clip.",
      "Open a clip, or reload the page for the bundled one.",
    );
  const turn = <T>(job: () => Promise<T>) => session.scheduler.turn(PRIORITY.bench, signal, job);
  const backend = await session.backends.get(name);
  let measured = 0;
  for (const [index, size] of SIZES.entries()) {
    const inputs = await turn(async () => buildInputs(clip, { maxTokens: size, heads: HEADS }));
    const tokens = inputs.spec.visualTokens;
    if (tokens === measured) continue;
    const runs = new Map<Mode, ModeRun[]>(MODES.map((mode) => [mode, []]));
    for (let repeat = 0; repeat <= REPEATS; repeat++)
      for (const mode of MODES) {
        emit({
          kind: "progress",
          share: (index + (repeat + MODES.indexOf(mode) / 4) / (REPEATS + 1)) / SIZES.length,
          what: `${tokens} tokens`,
        });
        const run = await turn(() => runMode(backend, inputs, mode, DROP_RATE, { signal }));
        // The first round warms up (kernels are compiled, workers started) and does not count.
        if (repeat > 0) runs.get(mode)!.push(run);
      }
    const dense = medianRun(runs.get("dense")!);
    for (const mode of MODES) {
      const { row } = compareRow(medianRun(runs.get(mode)!), dense, inputs);
      const { ms, speedup, density, estimationShare, relL2 } = row;
      const gflops = (4 * tokens * tokens * inputs.spec.headDim * HEADS) / (dense.report.ms * 1e6);
      // Each round's own quotient: what slows the machine slows both.
      const rounds = runs.get(mode)!.map((run, i) => runs.get("dense")![i].report.ms / run.report.ms);
      const range = [Math.min(...rounds), Math.max(...rounds)] as const;
      emit({ kind: "bench", line: { tokens, mode, ms, speedup, range, density, estimationShare, relL2, gflops } });
    }
    measured = tokens;
    // Dense time grows with the square of the tokens.
    if (dense.report.ms * 4 > LONGEST_MS) break;
  }
}

const medianRun = (runs: readonly ModeRun[]): ModeRun =>
  [...runs].sort((a, b) => a.report.ms - b.report.ms)[runs.length >> 1];
