import type { Backend } from "@spaattn/attention";
import type { CompareRow, Comparison, LabInputs, Mode } from "@spaattn/lab";
import { decibels, milliseconds, percent, times } from "../terminal/format.js";
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
      { title: "estimation" },
    ],
    comparison.rows.map((row) => cells(row, terminal)),
  );
  terminal.print(terminal.style("dim", titles));
  for (const line of lines) terminal.print(line);
  terminal.print();
  const busy = busyNote(machine);
  if (busy) terminal.print(terminal.style("yellow", busy));
  for (const row of comparison.rows.filter(({ worstHeads }) => worstHeads.length > 0)) {
    const worst = row.worstHeads.map(({ head, label, relL2 }) => `${head} (${label}) ${relL2.toFixed(4)}`).join(", ");
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
    row.relL2.toFixed(4),
    row.cosine.toFixed(5),
    decibels(row.psnr),
    milliseconds(row.ms),
    times(row.speedup),
    percent(row.estimationShare),
  ];
}
