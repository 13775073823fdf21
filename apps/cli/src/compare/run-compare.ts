import { readFile, stat } from "node:fs/promises";
import type { Backend } from "@spaattn/attention";
import { SpaAttnError } from "@spaattn/core";
import { type CompareOptions, type Comparison, compare, type LabInputs } from "@spaattn/lab";
import { withBackend } from "../backend.js";
import type { CompareFlags } from "../commands/compare.js";
import { UsageError } from "../errors.js";
import { EXIT } from "../exit-codes.js";
import { readInput } from "../input.js";
import { checkModeOptions, levelsOptions, tailOptions } from "../options.js";
import { checkOutput } from "../output.js";
import { presetRates } from "../preset-rates.js";
import type { ReportRequest } from "../report/collect.js";
import type { CommandContext } from "../run-cli.js";
import { Progress } from "../terminal/progress.js";
import { machineNow } from "./machine.js";
import { compareJson, printComparison, printSummary, summaryRows } from "./print-comparison.js";
import { warmUp } from "./warm-up.js";

/** The command `compare`: reads, runs, prints, and writes the report where asked for. */
export async function runCompare(
  paths: readonly string[],
  flags: CompareFlags,
  context: CommandContext,
): Promise<void> {
  const { terminal } = context;
  checkModeOptions(flags);
  const progress = new Progress(terminal);
  const machine = machineNow();
  if (flags.report) {
    if (paths.length > 1) throw new UsageError("--report shows one input; compare the others without it.");
    await checkReport(flags.report, paths, flags.force ?? false);
  }
  try {
    await withBackend(flags, async (backend) => {
      const all: { input: string; inputs: LabInputs; comparison: Comparison }[] = [];
      for (const [i, input] of paths.entries()) {
        const report = (done: number, what: string) => progress.update((i + done) / paths.length, what);
        const one = await compareOne(input, backend, flags, context, report);
        progress.clear();
        all.push(one);
        // People see each table as it is made; machines get one document at the end.
        if (!terminal.json) printComparison(terminal, backend, one.inputs, one.comparison, machine);
        if (!terminal.json && i + 1 < paths.length) terminal.print();
        if (one.comparison.rows.some(({ state }) => state === "notFinite")) context.leaveWith(EXIT.notFinite);
      }
      if (flags.report) {
        const { input, inputs, comparison } = all[0];
        const onProgress = (done: number, what: string) => progress.update(0.4 + 0.6 * done, what);
        const options = { ...(await compareOptions(flags, inputs, context)), onProgress };
        await writeReport(flags.report, { input, inputs, backend, comparison, machine, options }, flags.force ?? false);
        progress.clear();
        terminal.note(`Report: ${flags.report}`);
      }
      if (!terminal.json && all.length > 1)
        printSummary(
          terminal,
          all.map(({ comparison }) => comparison),
        );
      if (!terminal.json) return;
      const documents = all.map(({ input, inputs, comparison }) =>
        compareJson(input, backend, inputs, comparison, machine),
      );
      terminal.printJson(
        documents.length === 1
          ? documents[0]
          : { comparisons: documents, summary: summaryRows(all.map(({ comparison }) => comparison)) },
      );
    });
  } finally {
    progress.clear();
  }
}

async function compareOne(
  input: string,
  backend: Backend,
  flags: CompareFlags,
  context: CommandContext,
  report: (done: number, what: string) => void,
) {
  report(0, "reading");
  const inputs = await readInput(input, flags, context.signal);
  checkSelection(flags, inputs);
  const options = await compareOptions(flags, inputs, context);
  report(0, "warming up");
  await warmUp(backend, inputs, options, context.signal);
  // The report needs more runs than the table; both share the bar.
  const share = flags.report ? 0.4 : 1;
  const onProgress = (done: number, what: string) => report(done * share, what);
  return { input, inputs, comparison: await compare(backend, inputs, { ...options, onProgress }) };
}

async function compareOptions(
  flags: CompareFlags,
  inputs: LabInputs,
  { signal }: CommandContext,
): Promise<CompareOptions> {
  const { dropRate, budget, modes, repeats, coverMass, neighbours, firstFrame } = flags;
  const { source, query } = inputs;
  const headRates = await presetRates(flags, { query, ...source });
  return {
    signal,
    ...tailOptions(flags),
    ...levelsOptions(flags),
    ...(budget ? { budgets: [...new Set(budget)] } : {}),
    ...(dropRate ? { dropRates: [...new Set(dropRate)] } : {}),
    ...(headRates ? { headRates, dropRates: [headRates.reduce((sum, x) => sum + x, 0) / headRates.length] } : {}),
    ...(modes ? { modes: [...new Set(modes)] } : {}),
    ...(repeats ? { repeats } : {}),
    ...(coverMass === undefined ? {} : { coverMass }),
    ...(neighbours ? { neighbours } : {}),
    ...(firstFrame ? { firstFrame } : {}),
  };
}

function checkSelection({ neighbours, firstFrame }: CompareFlags, inputs: LabInputs): void {
  if ((neighbours || firstFrame) && !inputs.spec.layout)
    throw new UsageError(
      `--${neighbours ? "neighbours" : "first-frame"} needs a token grid, and this capture has none.`,
      "Write the capture with its grid, give --grid, or leave the option out.",
    );
}

async function writeReport(path: string, request: ReportRequest, force: boolean): Promise<void> {
  const { collectReport } = await import("../report/collect.js");
  const { renderReport } = await import("../report/render.js");
  const { writeFileWhole } = await import("@spaattn/io/node");
  // Asked again: much may have happened in the meantime.
  await refuseForeignFile(path, force);
  const page = renderReport(await collectReport(request));
  await writeFileWhole(path, [new TextEncoder().encode(page)], { force: true });
}

async function checkReport(report: string, inputs: readonly string[], force: boolean): Promise<void> {
  if (report === "-") throw new UsageError("--report needs a file.", "For example: --report report.html");
  await checkOutput({ output: report, force: true, inputs, option: "--report" });
  await refuseForeignFile(report, force);
}

/** A report may replace a report, but not somebody's clip. */
async function refuseForeignFile(path: string, force: boolean): Promise<void> {
  // Pipes and devices are written into, and reading them would wait for ever.
  if (force || !(await stat(path).catch(() => undefined))?.isFile()) return;
  const there = await readFile(path, "utf8").catch(() => undefined);
  if (there === undefined || there === "" || there.slice(0, 2000).includes('name="generator" content="spaattn')) return;
  throw new SpaAttnError("FileAccess", `${path} exists already and is no report of spaattn.`, {
    remedy: "Choose another name, or replace it with --force.",
  });
}
