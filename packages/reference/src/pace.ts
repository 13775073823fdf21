import type { RunContext, StepKind } from "@spaattn/attention";
import { type RunOptions, throwIfAborted } from "@spaattn/core";
import { type Head, headsOf } from "./heads.js";

/**
 * Keeps a long computation polite: called once per piece of work, it lets the event loop run every 100 ms, reports
 * progress and notices cancellation.
 */
export function pacer({ signal, onProgress }: RunOptions): (done: number, stage: string) => Promise<void> | undefined {
  let last = performance.now();
  return (done, stage) => {
    if (performance.now() - last < 100) return undefined;
    return new Promise<void>((resolve) => setTimeout(resolve, 0)).then(() => {
      last = performance.now();
      onProgress?.(done, stage);
      throwIfAborted(signal);
    });
  };
}

/** Runs a short piece of work for every head, politely. */
export async function eachHead(context: RunContext, stage: StepKind, work: (head: Head) => void): Promise<void> {
  const pace = pacer(context);
  const heads = headsOf(context.geometry);
  for (const head of heads) {
    work(head);
    await pace((head.at + 1) / heads.length, stage);
  }
}
