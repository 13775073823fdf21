import { readFile } from "node:fs/promises";
import { SpaAttnError } from "@spaattn/core";
import { type CompareOptions, compare, type LabInputs } from "@spaattn/lab";
import { withBackend } from "../backend.js";
import type { CompareFlags } from "../commands/compare.js";
import { UsageError } from "../errors.js";
import { readInput } from "../input.js";
import { levelsOptions, tailOptions } from "../options.js";
import type { ReportRequest } from "../report/collect.js";
import type { CommandContext } from "../run-cli.js";
import { Progress } from "../terminal/progress.js";
import { machineNow } from "./machine.js";
import { compareJson, printComparison } from "./print-comparison.js";
import { warmUp } from "./warm-up.js";

/** The command `compare`: reads, runs, prints, and writes the report where asked for. */
export async function runCompare(input: string, flags: CompareFlags, context: CommandContext): Promise<void> {
  const { terminal, signal } = context;
  const progress = new Progress(terminal);
  const machine = machineNow();
  if (flags.report) await refuseForeignFile(flags.report, flags.force ?? false);
  try {
    progress.update(0, "reading");
    const inputs = await readInput(input, flags, signal);
    checkSelection(flags, inputs);
    await withBackend(flags.backend, async (backend) => {
      const options = compareOptions(flags, context);
      // The report needs more runs than the table; both share the bar.
      const share = flags.report ? 0.4 : 1;
      const onProgress = (done: number, what: string) => progress.update(done * share, what);
      progress.update(0, "warming up");
      await warmUp(backend, inputs, options, context.signal);
      const comparison = await compare(backend, inputs, { ...options, onProgress });
      progress.clear();
      // People see the table while the report is being made; machines get one document at the end.
      if (!terminal.json) printComparison(terminal, backend, inputs, comparison, machine);
      if (flags.report) {
        const onReport = (done: number, what: string) => progress.update(share + (1 - share) * done, what);
        await writeReport(flags.report, {
          input,
          inputs,
          backend,
          comparison,
          machine,
          options: { ...options, onProgress: onReport },
        });
        progress.clear();
        terminal.note(`Report: ${flags.report}`);
      }
      if (terminal.json) terminal.printJson(compareJson(input, backend, inputs, comparison, machine));
    });
  } finally {
    progress.clear();
  }
}

function compareOptions(flags: CompareFlags, { signal }: CommandContext): CompareOptions {
  const { dropRate, budget, modes, repeats, coverMass, neighbours, firstFrame } = flags;
  return {
    signal,
    ...tailOptions(flags),
    ...levelsOptions(flags),
    ...(budget ? { budgets: [...new Set(budget)] } : {}),
    ...(dropRate ? { dropRates: [...new Set(dropRate)] } : {}),
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
      "Write the capture with its grid, or leave the option out.",
    );
}

async function writeReport(path: string, request: ReportRequest): Promise<void> {
  const { collectReport } = await import("../report/collect.js");
  const { renderReport } = await import("../report/render.js");
  const { writeFileWhole } = await import("@spaattn/io/node");
  const page = renderReport(await collectReport(request));
  await writeFileWhole(path, [new TextEncoder().encode(page)], { force: true });
}

/** A report may replace a report, but not somebody's clip. */
async function refuseForeignFile(path: string, force: boolean): Promise<void> {
  if (force) return;
  const there = await readFile(path, "utf8").catch(() => undefined);
  if (there === undefined || there === "" || there.slice(0, 2000).includes('name="generator" content="spaattn')) return;
  throw new SpaAttnError("FileAccess", `${path} exists already and is no report of spaattn.`, {
    remedy: "Choose another name, or replace it with --force.",
  });
}
