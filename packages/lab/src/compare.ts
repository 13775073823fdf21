import type { Backend, RunReport } from "@spaattn/attention";
import { throwIfAborted } from "@spaattn/core";
import type { LabInputs } from "./build-inputs.js";
import { measureQuality, type Quality } from "./metrics.js";
import { dropRateOf, type Mode, type SelectionOptions } from "./modes.js";
import { type ModeRun, runMode, type WorkOptions } from "./run-mode.js";

/** One line of a comparison. */
export interface CompareRow {
  readonly mode: Mode;
  /** 0 for dense. */
  readonly dropRate: number;
  /** The share of dense cost that was asked for; null where a drop rate was. */
  readonly budget: number | null;
  /** Rows in the softmax as a share of dense attention's: exact blocks, and summaries. */
  readonly cost: number;
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
  /** Default none, paper, tail, and levels where budgets are given; dense always runs. */
  readonly modes?: readonly Exclude<Mode, "dense">[];
  /** Default [0.8], or none where there are budgets. */
  readonly dropRates?: readonly number[];
  /** Shares of dense cost: every mode gets the drop rate that costs as much, levels the budget itself. */
  readonly budgets?: readonly number[];
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

/** The stages that are neither attention nor moving tokens. */
const ESTIMATION = [
  ...(["pool", "summarize", "estimate"] as const),
  ...(["cluster", "nodes", "errors", "choose", "gather"] as const),
];

interface Job {
  readonly mode: Mode;
  readonly dropRate: number;
  readonly budget?: number;
}

/** Every mode at every drop rate and every budget. A backend without levels is not asked for them by default. */
function jobsOf({ capabilities }: Backend, inputs: LabInputs, options: CompareOptions): Job[] {
  const { budgets = [], dropRates = budgets.length > 0 ? [] : [0.8] } = options;
  const hasLevels = budgets.length > 0 && (capabilities.rectify?.includes("levels") ?? false);
  const modes = options.modes ?? (["none", "paper", "tail", ...(hasLevels ? (["levels"] as const) : [])] as const);
  const blockSize = inputs.spec.blockSize ?? 128;
  return [
    ...dropRates.flatMap((dropRate) => modes.map((mode) => ({ mode, dropRate }))),
    ...budgets.flatMap((budget) =>
      modes.map((mode) => ({ mode, dropRate: dropRateOf(mode, budget, blockSize, options), budget })),
    ),
  ];
}

/**
 * Runs dense attention once and every mode at every drop rate, and measures each against dense.
 *
 * Rejects with `Aborted` when the signal fires.
 */
export async function compare(backend: Backend, inputs: LabInputs, options: CompareOptions = {}): Promise<Comparison> {
  const { repeats = 1, onProgress } = options;
  const jobs = jobsOf(backend, inputs, options);
  // Dense takes about as long as everything at five drop rates, so weigh progress by expected work.
  const weights = [1, ...jobs.map(({ dropRate }) => 1 - dropRate + 0.05)];
  const total = weights.reduce((sum, x) => sum + x, 0);
  let done = 0;
  const measure = async ({ mode, dropRate, budget }: Job, weight: number) => {
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
        ...(budget === undefined ? {} : { levels: { ...options.levels, budget } }),
        onProgress: (share) => onProgress?.((base + (weight * share) / repeats) / total, what),
      });
      times.push(run.report.ms);
    }
    done += weight;
    return { run: run!, ms: median(times) };
  };

  const dense = await measure({ mode: "dense", dropRate: 0 }, weights[0]);
  const same = measureQuality(dense.run.output, dense.run.output, inputs);
  const rows = [toRow(dense.run, dense.ms, dense.ms, same.all, same.heads, inputs)];
  const runs: ModeRun[] = [];
  const headQuality: Quality[][] = [];
  for (const [i, job] of jobs.entries()) {
    const { run, ms } = await measure(job, weights[i + 1]);
    const quality = measureQuality(run.output, dense.run.output, inputs);
    rows.push(toRow(run, ms, dense.ms, quality.all, quality.heads, inputs, job.budget));
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
  budget?: number,
): CompareRow {
  const stages = stageShares(run.report);
  const worst = heads
    .map(({ relL2 }, head) => ({ head, label: inputs.heads[head % inputs.heads.length] ?? `head ${head}`, relL2 }))
    .sort((a, b) => b.relL2 - a.relL2)
    .slice(0, 3);
  return {
    mode: run.mode,
    dropRate: run.dropRate,
    budget: budget ?? null,
    cost: run.cost,
    density: run.density.reduce((sum, x) => sum + x, 0) / run.density.length,
    relL2: all.relL2,
    cosine: all.cosine,
    psnr: Number.isFinite(all.psnr) ? all.psnr : null,
    ms,
    speedup: denseMs / ms,
    estimationShare: ESTIMATION.reduce((sum, stage) => sum + (stages[stage] ?? 0), 0),
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
