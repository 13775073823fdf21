import { cpuNow } from "./timed.js";

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
};

export interface Contender {
  readonly name: string;
  readonly run: () => Promise<unknown>;
  /** Rounds it takes part in; slow ones fewer. */
  readonly rounds?: number;
}

/** Shortest stretch of CPU time one measurement covers. */
const LEAST_MS = 150;

/**
 * Runs the contenders in turn, round by round, so that a change of the machine's speed hits all alike. Returns the
 * results of every run and the median CPU milliseconds of each contender.
 */
export async function interleave(contenders: readonly Contender[], rounds: number) {
  const times = new Map<string, number[]>();
  const results = new Map<string, unknown[]>();
  const repeats = new Map<string, number>();
  for (const { name, run } of contenders) {
    times.set(name, []);
    results.set(name, []);
    await run();
    const start = cpuNow();
    await run();
    repeats.set(name, Math.max(1, Math.min(20, Math.ceil(LEAST_MS / (cpuNow() - start)))));
  }
  for (let round = 0; round < rounds; round++)
    for (const { name, run, rounds: most = rounds } of contenders) {
      if (round >= most) continue;
      const count = repeats.get(name)!;
      // What the one before left behind, in caches and in background threads, is not this one's to pay for.
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (count > 1) await run();
      const start = cpuNow();
      for (let i = 0; i < count; i++) results.get(name)!.push(await run());
      times.get(name)!.push((cpuNow() - start) / count);
    }
  return {
    ms: (name: string) => median(times.get(name)!),
    results: <T>(name: string) => results.get(name) as T[],
  };
}
