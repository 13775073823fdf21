import type { Backend } from "@spaattn/attention";
import type { CompareRow, Comparison, LabInputs, Mode } from "@spaattn/lab";
import { decibels, figure, milliseconds, percent, times } from "../terminal/format.js";
import { formatTable } from "../terminal/table.js";
import type { Terminal } from "../terminal/terminal.js";
import { busyNote, type Machine } from "./machine.js";

/** What each mode is called where people read. */
export const MODE_NAMES: Readonly<Record<Mode, string>> = {
  dense: "dense",
  none: "block-sparse",
  paper: "paper",
  tail: "tail",
  levels: "levels",
};

/** The comparison for machines; the fields of a row are part of the interface. */
export function compareJson(
  input: string,
  backend: Backend,
  inputs: LabInputs,
  comparison: Comparison,
  machine: Machine,
) {
  const { layout, ...spec } = inputs.spec;
  return {
    input,
    backend: backend.name,
    machine,
    spec: { ...spec, ...(layout ? { grid: layout.grid } : {}) },
    heads: inputs.heads,
    notes: inputs.notes,
    warnings: comparison.warnings,
    rows: comparison.rows,
  };
}

/** Prints the table, how the inputs came to be, and the worst heads. */
export function printComparison(
  terminal: Terminal,
  backend: Backend,
  inputs: LabInputs,
  comparison: Comparison,
  machine: Machine,
): void {
  terminal.print(`${terminal.style("bold", inputs.name)} on ${backend.name}`);
  for (const note of inputs.notes) terminal.print(terminal.style("dim", `  ${note}`));
  terminal.print();
  const [titles, ...lines] = formatTable(
    [
      { title: "mode", align: "left" },
      { title: "dropped" },
      { title: "cost" },
      { title: "density" },
      { title: "rel. L2" },
      { title: "cosine" },
      { title: "PSNR dB" },
      { title: "time" },
      { title: "speedup" },
      { title: "(rounds)" },
      { title: "estimation" },
    ],
    comparison.rows.map((row) => cells(row, terminal)),
  );
  terminal.print(terminal.style("dim", titles));
  for (const line of lines) terminal.print(line);
  terminal.print();
  const busy = busyNote(machine);
  if (busy) terminal.print(terminal.style("yellow", busy));
  for (const warning of comparison.warnings) terminal.print(terminal.style("yellow", warning));
  for (const row of comparison.rows.filter(({ worstHeads }) => worstHeads.length > 0)) {
    const worst = row.worstHeads.map(({ head, label, relL2 }) => `${head} (${label}) ${figure(relL2, 4)}`).join(", ");
    terminal.print(
      terminal.style("dim", `worst heads, ${MODE_NAMES[row.mode]} at ${percent(row.dropRate, 0)} dropped: ${worst}`),
    );
  }
}

function cells(row: CompareRow, terminal: Terminal): string[] {
  const name = MODE_NAMES[row.mode];
  return [
    row.mode === "tail" || row.mode === "levels" ? terminal.style("bold", name) : name,
    row.mode === "dense" ? "" : percent(row.dropRate, 0),
    percent(row.cost),
    percent(row.density),
    figure(row.relL2, 4),
    figure(row.cosine, 5),
    decibels(row),
    milliseconds(row.ms),
    times(row.speedup),
    spread(row),
    percent(row.estimationShare),
  ];
}

/** How far the rounds' speedups lie apart; nothing where there was one round. */
export function spread({ mode, speedupRange: [least, most] }: CompareRow): string {
  return mode === "dense" || least === most ? "" : `${least.toFixed(2)}–${most.toFixed(2)}`;
}

/** A mode at a drop rate, over several inputs. */
export interface SummaryRow {
  readonly mode: Mode;
  readonly dropRate: number;
  readonly inputs: number;
  /** Inputs whose figures say something; the means below are over these. */
  readonly measured: number;
  readonly density: number;
  /** Root of the mean of the squared errors. */
  readonly relL2: number;
  readonly speedup: number;
}

export function summaryRows(all: readonly Comparison[]): SummaryRow[] {
  const [first] = all;
  return first.rows.map((row, i) => {
    const rows = all.map(({ rows }) => rows[i]);
    const good = rows.filter(({ relL2 }) => Number.isFinite(relL2));
    const mean = (value: (row: CompareRow) => number) =>
      good.reduce((sum, one) => sum + value(one), 0) / Math.max(1, good.length);
    return {
      mode: row.mode,
      dropRate: row.dropRate,
      inputs: rows.length,
      measured: good.length,
      density: mean(({ density }) => density),
      relL2: good.length === 0 ? Number.NaN : Math.sqrt(mean(({ relL2 }) => relL2 ** 2)),
      speedup: mean(({ speedup }) => speedup),
    };
  });
}

/** The means over several inputs. */
export function printSummary(terminal: Terminal, all: readonly Comparison[]): void {
  terminal.print();
  terminal.print(terminal.style("bold", `all ${all.length} inputs`));
  const lines = formatTable(
    [
      { title: "mode", align: "left" },
      { title: "dropped" },
      { title: "density" },
      { title: "rel. L2 (rms)" },
      { title: "speedup" },
      { title: "measured" },
    ],
    summaryRows(all).map((row) => [
      MODE_NAMES[row.mode],
      row.mode === "dense" ? "" : percent(row.dropRate, 0),
      percent(row.density),
      figure(row.relL2, 4),
      times(row.speedup),
      `${row.measured} of ${row.inputs}`,
    ]),
  );
  terminal.print(terminal.style("dim", lines[0]));
  for (const line of lines.slice(1)) terminal.print(line);
}
