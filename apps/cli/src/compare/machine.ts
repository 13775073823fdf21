import { availableParallelism, cpus, loadavg } from "node:os";

/** What times on this machine depend on. */
export interface Machine {
  readonly processor: string;
  readonly threads: number;
  readonly node: string;
  /** Programs that wanted to run in the last minute, this one not yet among them; 0 where the system does not say. */
  readonly load: number;
}

/** Asked before the work begins, so that the load is that of others. */
export const machineNow = (): Machine => ({
  processor: cpus()[0]?.model.trim() || "unknown processor",
  threads: availableParallelism(),
  node: process.versions.node,
  load: Number(loadavg()[0].toFixed(2)),
});

/** A sentence for the reader where other programs disturb the times; undefined where the machine is idle enough. */
export const busyNote = ({ load, threads }: Machine): string | undefined =>
  load > threads / 2
    ? `Other programs were using this machine (load ${load.toFixed(1)} on ${threads} threads): times and speedups are not reliable.`
    : undefined;
