import type { Backend } from "@spaattn/attention";
import { encodePng } from "@spaattn/io";
import { writeFileWhole } from "@spaattn/io/node";
import { type LabInputs, notFiniteNotes } from "@spaattn/lab";
import { withBackend } from "../backend.js";
import type { InspectFlags } from "../commands/inspect.js";
import { UsageError } from "../errors.js";
import { EXIT } from "../exit-codes.js";
import { readInput } from "../input.js";
import { checkModeOptions, tailOptions } from "../options.js";
import { checkOutput } from "../output.js";
import { policyOf } from "../plan/run-plan.js";
import { presetRates } from "../preset-rates.js";
import type { CommandContext } from "../run-cli.js";
import { percent } from "../terminal/format.js";
import { Progress } from "../terminal/progress.js";
import { formatTable } from "../terminal/table.js";
import type { Terminal } from "../terminal/terminal.js";
import { estimateMask } from "./estimate-mask.js";
import { type HeadStatistics, headStatistics, maskRows } from "./head-statistics.js";
import { maskSheet } from "./mask-sheet.js";
import { inspectLevels } from "./run-levels.js";

/** The command `inspect`. */
export async function runInspect(path: string, flags: InspectFlags, context: CommandContext): Promise<void> {
  const { terminal, signal, leaveWith } = context;
  checkModeOptions(flags);
  const progress = new Progress(terminal);
  if (flags.png) await checkOutput({ output: flags.png, force: flags.force ?? false, inputs: [path], option: "--png" });
  if (flags.png === "-") terminal.giveStdoutAway();
  try {
    progress.update(0, "reading");
    const inputs = await readInput(path, flags, signal);
    const heads = chosenHeads(inputs, flags);
    const headRates = await presetRates(flags, { query: inputs.query, ...inputs.source });
    const chosen = headRates ? { ...flags, dropRate: headRates } : flags;
    checkFlags(inputs, chosen);
    await withBackend(flags, async (backend) => {
      if (flags.rectify === "levels") return inspectLevels(path, backend, inputs, heads, flags, context, progress);
      const onProgress = (done: number, what: string) => progress.update(done, what);
      const selection = await estimateMask(backend, inputs, specChanges(chosen), { signal, onProgress });
      progress.clear();
      const statistics = heads.map((head) => headStatistics(selection, head, inputs));
      if (flags.png) {
        const { zoom, force = false } = flags;
        const sheet = maskSheet(selection.mask, heads, selection.geometry.visualBlocks, zoom);
        if (flags.png === "-") process.stdout.write(encodePng(sheet));
        else await writeFileWhole(flags.png, [encodePng(sheet)], { force });
      }
      const { query, key, value } = inputs;
      const warnings = notFiniteNotes({ query, key, value });
      for (const warning of warnings) terminal.warn(warning);
      if (warnings.length > 0) leaveWith(EXIT.notFinite);
      if (terminal.json)
        terminal.printJson(
          toJson(
            path,
            backend,
            inputs,
            chosen,
            statistics.map((entry) => ({ ...entry, mask: maskRows(selection, entry.head) })),
            warnings,
          ),
        );
      else printStatistics(terminal, inputs, flags, statistics);
    });
  } finally {
    progress.clear();
  }
}

function chosenHeads(inputs: LabInputs, { head }: InspectFlags): number[] {
  const count = (inputs.spec.batch ?? 1) * inputs.spec.heads;
  for (const index of head ?? [])
    if (index >= count) throw new UsageError(`--head ${index}: there are ${count} heads, counted from 0.`);
  return head ? [...new Set(head)] : Array.from({ length: count }, (_, i) => i);
}

function checkFlags(inputs: LabInputs, flags: InspectFlags): void {
  const { neighbours, firstFrame, dropRate, rectify } = flags;
  const levels = rectify === "levels";
  for (const name of ["svg", "budget"] as const)
    if (flags[name] !== undefined && !levels) throw new UsageError(`--${name} exists with --rectify levels only.`);
  for (const name of ["png", "neighbours", "firstFrame", "coverMass"] as const)
    if (levels && flags[name] !== undefined)
      throw new UsageError(
        `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)} does not exist with --rectify levels.`,
      );
  if ((neighbours || firstFrame) && !inputs.spec.layout)
    throw new UsageError("--neighbours and --first-frame need a token grid, and this capture has none.");
  if (dropRate && dropRate.length !== 1 && dropRate.length !== inputs.spec.heads)
    throw new UsageError(`--drop-rate lists ${dropRate.length} rates, but there are ${inputs.spec.heads} heads.`);
}

function specChanges(flags: InspectFlags) {
  const { dropRate = [0.8], rectify } = flags;
  return { rectify, policy: policyOf(dropRate.length === 1 ? dropRate[0] : dropRate, flags), ...tailOptions(flags) };
}

const toJson = (
  input: string,
  backend: Backend,
  inputs: LabInputs,
  flags: InspectFlags,
  heads: readonly object[],
  warnings: readonly string[],
) => ({
  input,
  backend: backend.name,
  rectify: flags.rectify,
  dropRate: flags.dropRate ?? [0.8],
  visualTokens: inputs.spec.visualTokens,
  textTokens: inputs.spec.textTokens ?? 0,
  blockSize: inputs.spec.blockSize ?? 128,
  heads,
  ...(flags.png ? { png: flags.png } : {}),
  state: warnings.length > 0 ? "notFinite" : "finite",
  warnings,
});

function printStatistics(
  terminal: Terminal,
  inputs: LabInputs,
  flags: InspectFlags,
  statistics: readonly HeadStatistics[],
): void {
  for (const note of inputs.notes) terminal.print(terminal.style("dim", note));
  terminal.print();
  const optional = (value: number | undefined, show: (x: number) => string) => (value === undefined ? "" : show(value));
  const lines = formatTable(
    [
      { title: "head" },
      { title: "", align: "left" },
      { title: "density" },
      { title: "blocks per row" },
      { title: "mass covered" },
      { title: "busiest block" },
      { title: flags.rectify === "tail" ? "est. error" : "gain" },
    ],
    statistics.map((head) => [
      String(head.head),
      head.label,
      percent(head.density),
      `${head.fewest}–${head.most}, mean ${head.mean.toFixed(1)}`,
      percent(head.massCovered),
      `${head.busiest.block} (${percent(head.busiest.share, 0)} of rows)`,
      optional(head.estimatedError, (x) => x.toPrecision(3)) || optional(head.gainShare, (x) => percent(x)),
    ]),
  );
  terminal.print(terminal.style("dim", lines[0]));
  for (const line of lines.slice(1)) terminal.print(line);
  if (flags.png) terminal.note(`Masks: ${flags.png}`);
}
