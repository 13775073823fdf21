import type { Engine } from "./device.js";

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
