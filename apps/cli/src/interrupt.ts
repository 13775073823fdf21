import { EXIT } from "./exit-codes.js";

/** A terminal and a parent process may both deliver the same Ctrl-C. */
const SAME_PRESS_MS = 300;

/**
 * A signal that fires on Ctrl-C (or a request to terminate), so that work can stop and clean up; a second one leaves
 * at once.
 */
export function interruptible(): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  let first = 0;
  const onSignal = () => {
    if (!controller.signal.aborted) {
      first = performance.now();
      controller.abort(new Error("interrupted"));
    } else if (performance.now() - first > SAME_PRESS_MS) process.exit(EXIT.interrupted);
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  return {
    signal: controller.signal,
    release: () => void process.off("SIGINT", onSignal).off("SIGTERM", onSignal),
  };
}
