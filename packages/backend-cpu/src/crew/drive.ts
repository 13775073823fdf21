import type { Engine } from "./crew.js";
import * as T from "./phase-table.js";

/** Longest stretch of work before the event loop gets a turn, so that messages and cancellations arrive. */
const STRETCH_MS = 12;

/** Runs tasks one after the other on this thread; `pause` is awaited every few milliseconds and may throw. */
export async function drive(
  step: Engine["step"],
  op: number,
  tasks: Int32Array,
  scratch: number,
  pause: (done: number) => Promise<void>,
): Promise<void> {
  let last = performance.now();
  for (let i = 0; i < tasks.length; i += 2) {
    let from = 0;
    do {
      from = step(op, tasks[i], tasks[i + 1], scratch, from);
      if (performance.now() - last < STRETCH_MS) continue;
      await pause(i >> 1);
      last = performance.now();
    } while (from !== 0);
  }
}

/** Runs the phases of a table one after the other on this thread. */
export async function driveSequence(
  { step, bytes }: Pick<Engine, "step" | "bytes">,
  at: number,
  count: number,
  scratch: number,
  pause: (phasesDone: number) => Promise<void>,
): Promise<void> {
  const words = new Int32Array(bytes().buffer, at, count * T.PHASE_WORDS);
  const times = new Float64Array(bytes().buffer, at, (count * T.PHASE_WORDS) / 2);
  let last = performance.now();
  for (let phase = 0; phase < count; phase++) {
    const row = phase * T.PHASE_WORDS;
    const [op, job, units] = [words[row + T.OP], words[row + T.JOB], words[row + T.UNITS]];
    for (let unit = 0; unit < units; unit++) {
      step(op, job, unit, scratch, 0);
      if (performance.now() - last < STRETCH_MS) continue;
      await pause(phase);
      last = performance.now();
    }
    times[(row + T.ENDED) >> 1] = T.now();
  }
}

/** Resolves after the event loop has had a turn (unlike a timer without a minimum delay). */
export function breathe(): Promise<void> {
  if (typeof setImmediate === "function") return new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
}
