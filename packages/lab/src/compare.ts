import type { Backend, RunReport } from "@spaattn/attention";
import { guardCallbacks, throwIfAborted } from "@spaattn/core";
import type { LabInputs } from "./build-inputs.js";
import { checkCompareOptions } from "./check-options.js";
import { measureQuality, type Quality, type QualityState } from "./metrics.js";
import { dropRateOf, type Mode, type SelectionOptions } from "./modes.js";
import { type ModeRun, runMode, type WorkOptions } from "./run-mode.js";
import { compareWarnings } from "./warnings.js";

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
  /** What the figures below mean; only with `differs` and `equal` they are measured. */
  readonly state: QualityState;
  /** Relative L2 error against dense attention over the visual rows. */
  readonly relL2: number;
  readonly cosine: number;
  /** Decibels against dense attention's frames; null where `state` is not `differs`. */
  readonly psnr: number | null;
  /** Median wall time of one run. */
  readonly ms: number;
  /** Shortest and longest run that counted. */
  readonly msRange: readonly [least: number, most: number];
  /** Dense time over this time: the median of the rounds, in each of which every mode ran once. */
  readonly speedup: number;
  /** Smallest and largest of a round; equal where there was one round. */
  readonly speedupRange: readonly [least: number, most: number];
  /** Share of the time spent on anything but attending (pooling, summaries, selection). */
  readonly estimationShare: number;
  /** Share of the time per kind of step. */
  readonly stages: Readonly<Record<string, number>>;
  /** The heads with the largest error, worst first. */
  readonly worstHeads: readonly WorstHead[];
}

export interface WorstHead {
  readonly head: number;
  readonly label: string;
  readonly state: QualityState;
  readonly relL2: number;
}

export interface CompareOptions extends SelectionOptions, WorkOptions {
  /** Default none, paper, tail, and levels where budgets are given; dense always runs. */
  readonly modes?: readonly Exclude<Mode, "dense">[];
  /** Default [0.8], or none where there are budgets. */
  readonly dropRates?: readonly number[];
  /** Shares of dense cost: every mode gets the drop rate that costs as much, levels the budget itself. */
  readonly budgets?: readonly number[];
  /**
   * Rounds, in each of which every mode runs once, and of which medians count. Default 1, and 3 after a round that does not
   * count where a dense run takes less than a second: short runs pay for what happens at first use.
   */
  readonly repeats?: number;
}

export interface Comparison {
  readonly rows: readonly CompareRow[];
  readonly dense: ModeRun;
  /** The sparse runs in the order of their rows. */
  readonly runs: readonly ModeRun[];
  /** Quality of every head, in the order of `runs`. */
  readonly headQuality: readonly (readonly Quality[])[];
  /** What a reader should know before trusting the rows, in sentences; often empty. */
  readonly warnings: readonly string[];
}

/** Dense runs shorter than this are timed after a round that does not count. */
const SHORT_MS = 1000;
const SHORT_ROUNDS = 3;

/**
 * Runs dense attention and every mode at every drop rate, and measures each against dense.
 *
 * Rejects with `Aborted` when the signal fires, and with what a callback throws.
 *
 * @throws TypeError or RangeError for a wrong option.
 */
export function compare(backend: Backend, inputs: LabInputs, options: CompareOptions = {}): Promise<Comparison> {
  checkCompareOptions(options);
  return guardCallbacks(options, ["onProgress"], (guarded) => compareAll(backend, inputs, guarded));
}

/** The stages that are neither attention nor moving tokens. */
const ESTIMATION = [
  ...(["pool", "summarize", "estimate"] as const),
  ...(["cluster", "nodes", "errors", "choose", "gather"] as const),
];

interface Choice {
  readonly mode: Mode;
  readonly dropRate: number;
  readonly budget?: number;
}

interface Job extends Choice {
  readonly weight: number;
  readonly times: number[];
  run?: ModeRun;
}

/** Every mode at every drop rate and every budget. A backend without levels is not asked for them by default. */
function jobsOf({ capabilities }: Backend, inputs: LabInputs, options: CompareOptions): Choice[] {
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

async function compareAll(backend: Backend, inputs: LabInputs, options: CompareOptions): Promise<Comparison> {
  const { repeats, onProgress } = options;
  // Dense takes about as long as everything at five drop rates, so weigh progress by expected work.
  const jobs: Job[] = [
    { mode: "dense", dropRate: 0, weight: 1, times: [] },
    ...jobsOf(backend, inputs, options).map((job): Job => ({ ...job, weight: 1 - job.dropRate + 0.05, times: [] })),
  ];
  const perRound = jobs.reduce((sum, { weight }) => sum + weight, 0);
  let rounds = 1 + (repeats ?? SHORT_ROUNDS);
  let counted = repeats ?? SHORT_ROUNDS;
  let done = 0;
  const round = async () => {
    for (const job of jobs) {
      const { mode, dropRate, budget, weight } = job;
      const what = mode === "dense" ? "dense" : `${mode} at ${Math.round(dropRate * 1000) / 10} % dropped`;
      const report = (share: number) => onProgress?.(Math.min(1, (done + weight * share) / (perRound * rounds)), what);
      // Said here too: a fast backend may be done before it has said anything.
      report(0);
      throwIfAborted(options.signal);
      const levels = budget === undefined ? {} : { levels: { ...options.levels, budget } };
      const run = await runMode(backend, inputs, mode, dropRate, { ...options, ...levels, onProgress: report });
      // The first run of all decides whether a round is spent on warming up.
      if (done === 0 && run.report.ms >= SHORT_MS) rounds = counted = repeats ?? 1;
      job.times.push(run.report.ms);
      job.run ??= run;
      done += weight;
    }
  };
  await round();
  if (rounds > counted) for (const job of jobs) job.times.length = 0;
  while (jobs[0].times.length < counted) await round();
  onProgress?.(1, "done");
  return summary(jobs, inputs);
}

function summary([dense, ...jobs]: readonly Job[], inputs: LabInputs): Comparison {
  const reference = dense.run as ModeRun;
  const rows: CompareRow[] = [];
  const headQuality: Quality[][] = [];
  for (const job of [dense, ...jobs]) {
    const run = job.run as ModeRun;
    const { all, heads } = measureQuality(run.output, reference.output, inputs);
    rows.push(toRow(run, job.times, dense.times, all, heads, inputs, job.budget));
    if (job !== dense) headQuality.push(heads);
  }
  const runs = jobs.map(({ run }) => run as ModeRun);
  return { rows, dense: reference, runs, headQuality, warnings: compareWarnings(rows, inputs) };
}

/** The line of one run that was made on its own, measured against a dense run on the same inputs. */
export function compareRow(run: ModeRun, dense: ModeRun, inputs: LabInputs): { row: CompareRow; heads: Quality[] } {
  const { all, heads } = measureQuality(run.output, dense.output, inputs);
  return { row: toRow(run, [run.report.ms], [dense.report.ms], all, heads, inputs), heads };
}

function toRow(
  run: ModeRun,
  times: readonly number[],
  denseTimes: readonly number[],
  all: Quality,
  heads: readonly Quality[],
  inputs: LabInputs,
  budget?: number,
): CompareRow {
  const stages = stageShares(run.report);
  // Figures that are none come first: nothing is worse.
  const rank = (value: number) => (Number.isNaN(value) ? Number.POSITIVE_INFINITY : value);
  const worst = heads
    .map(({ relL2, state }, head) => ({ head, label: labelOf(inputs, head), state, relL2 }))
    .sort((a, b) => (rank(b.relL2) === rank(a.relL2) ? 0 : rank(b.relL2) - rank(a.relL2)))
    .slice(0, 3);
  // Each round's own quotient: what slows the machine slows both.
  const speedups = times.map((ms, i) => denseTimes[i] / ms);
  return {
    mode: run.mode,
    dropRate: run.dropRate,
    budget: budget ?? null,
    cost: run.cost,
    density: run.density.reduce((sum, x) => sum + x, 0) / run.density.length,
    state: all.state,
    relL2: all.relL2,
    cosine: all.cosine,
    psnr: all.state === "differs" && Number.isFinite(all.psnr) ? all.psnr : null,
    ms: median(times),
    msRange: [Math.min(...times), Math.max(...times)],
    speedup: median(speedups),
    speedupRange: [Math.min(...speedups), Math.max(...speedups)],
    estimationShare: ESTIMATION.reduce((sum, stage) => sum + (stages[stage] ?? 0), 0),
    stages,
    worstHeads: run.mode === "dense" ? [] : worst,
  };
}

const labelOf = (inputs: LabInputs, head: number): string => inputs.heads[head % inputs.heads.length] ?? `head ${head}`;

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
