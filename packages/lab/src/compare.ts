import type { Backend, RunReport } from "@spaattn/attention";
import { throwIfAborted } from "@spaattn/core";
import type { LabInputs } from "./build-inputs.js";
import { measureQuality, type Quality } from "./metrics.js";
import type { Mode, SelectionOptions } from "./modes.js";
import { type ModeRun, runMode, type WorkOptions } from "./run-mode.js";

/** One line of a comparison. */
export interface CompareRow {
  readonly mode: Mode;
  /** 0 for dense. */
  readonly dropRate: number;
  /** Share of visual blocks computed, mean over heads. */
  readonly density: number;
  /** Relative L2 error against dense attention over the visual rows. */
  readonly relL2: number;
  readonly cosine: number;
  /** Decibels against dense attention's frames; null when there is no difference. */
  readonly psnr: number | null;
  /** Median wall time of one run. */
  readonly ms: number;
  /** Dense time over this time. */
  readonly speedup: number;
  /** Share of the time spent on anything but attending (pooling, summaries, selection). */
  readonly estimationShare: number;
  /** Share of the time per kind of step. */
  readonly stages: Readonly<Record<string, number>>;
  /** The heads with the largest error, worst first. */
  readonly worstHeads: readonly { readonly head: number; readonly label: string; readonly relL2: number }[];
}

export interface CompareOptions extends SelectionOptions, WorkOptions {
  /** Default none, paper, tail; dense always runs. */
  readonly modes?: readonly Exclude<Mode, "dense">[];
  /** Default [0.8]. */
  readonly dropRates?: readonly number[];
  /** Runs per row, of which the median time counts; default 1. */
  readonly repeats?: number;
}

export interface Comparison {
  readonly rows: readonly CompareRow[];
  readonly dense: ModeRun;
  /** The sparse runs in the order of their rows. */
  readonly runs: readonly ModeRun[];
  /** Quality of every head, in the order of `runs`. */
  readonly headQuality: readonly (readonly Quality[])[];
}

/**
 * Runs dense attention once and every mode at every drop rate, and measures each against dense.
 *
 * Rejects with `Aborted` when the signal fires.
 */
export async function compare(backend: Backend, inputs: LabInputs, options: CompareOptions = {}): Promise<Comparison> {
  const { modes = ["none", "paper", "tail"], dropRates = [0.8], repeats = 1, onProgress } = options;
  const jobs = dropRates.flatMap((dropRate) => modes.map((mode) => ({ mode, dropRate })));
  // Dense takes about as long as everything at five drop rates, so weigh progress by expected work.
  const weights = [1, ...jobs.map(({ dropRate }) => 1 - dropRate + 0.05)];
  const total = weights.reduce((sum, x) => sum + x, 0);
  let done = 0;
  const measure = async (mode: Mode, dropRate: number, weight: number) => {
    const times: number[] = [];
    let run: ModeRun | undefined;
    for (let i = 0; i < repeats; i++) {
      const what = mode === "dense" ? "dense" : `${mode} at ${Math.round(dropRate * 1000) / 10} % dropped`;
      const base = done + (weight * i) / repeats;
      // Said here too: a fast backend may be done before it has said anything.
      onProgress?.(base / total, what);
      throwIfAborted(options.signal);
      run = await runMode(backend, inputs, mode, dropRate, {
        ...options,
        onProgress: (share) => onProgress?.((base + (weight * share) / repeats) / total, what),
      });
      times.push(run.report.ms);
    }
    done += weight;
    return { run: run!, ms: median(times) };
  };

  const dense = await measure("dense", 0, weights[0]);
  const same = measureQuality(dense.run.output, dense.run.output, inputs);
  const rows = [toRow(dense.run, dense.ms, dense.ms, same.all, same.heads, inputs)];
  const runs: ModeRun[] = [];
  const headQuality: Quality[][] = [];
  for (const [i, job] of jobs.entries()) {
    const { run, ms } = await measure(job.mode, job.dropRate, weights[i + 1]);
    const quality = measureQuality(run.output, dense.run.output, inputs);
    rows.push(toRow(run, ms, dense.ms, quality.all, quality.heads, inputs));
    runs.push(run);
    headQuality.push(quality.heads);
  }
  onProgress?.(1, "done");
  return { rows, dense: dense.run, runs, headQuality };
}

/** The line of one run that was made on its own, measured against a dense run on the same inputs. */
export function compareRow(run: ModeRun, dense: ModeRun, inputs: LabInputs): { row: CompareRow; heads: Quality[] } {
  const { all, heads } = measureQuality(run.output, dense.output, inputs);
  return { row: toRow(run, run.report.ms, dense.report.ms, all, heads, inputs), heads };
}

function toRow(
  run: ModeRun,
  ms: number,
  denseMs: number,
  all: Quality,
  heads: readonly Quality[],
  inputs: LabInputs,
): CompareRow {
  const stages = stageShares(run.report);
  const worst = heads
    .map(({ relL2 }, head) => ({ head, label: inputs.heads[head % inputs.heads.length] ?? `head ${head}`, relL2 }))
    .sort((a, b) => b.relL2 - a.relL2)
    .slice(0, 3);
  return {
    mode: run.mode,
    dropRate: run.dropRate,
    density: run.density.reduce((sum, x) => sum + x, 0) / run.density.length,
    relL2: all.relL2,
    cosine: all.cosine,
    psnr: Number.isFinite(all.psnr) ? all.psnr : null,
    ms,
    speedup: denseMs / ms,
    estimationShare: (stages.pool ?? 0) + (stages.summarize ?? 0) + (stages.estimate ?? 0),
    stages,
    worstHeads: run.mode === "dense" ? [] : worst,
  };
}

/** Share of the steps' time per kind of step. */
export function stageShares(report: RunReport): Record<string, number> {
  const total = report.steps.reduce((sum, { ms }) => sum + ms, 0) || 1;
  const shares: Record<string, number> = {};
  for (const { op, ms } of report.steps) shares[op] = (shares[op] ?? 0) + ms / total;
  return shares;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}
