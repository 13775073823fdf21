import {
  type AttentionSpec,
  compilePlan,
  type Plan,
  type PlanCost,
  type Policy,
  planCost,
  policyFrom,
} from "@spaattn/attention";
import { byteLength } from "@spaattn/core";
import { videoLayout } from "@spaattn/layout";
import type { PlanFlags } from "../commands/plan.js";
import { UsageError } from "../errors.js";
import { type SelectionFlags, tailOptions } from "../options.js";
import type { CommandContext } from "../run-cli.js";
import { bytes, count, flop, percent } from "../terminal/format.js";
import { formatTable } from "../terminal/table.js";
import type { Terminal } from "../terminal/terminal.js";

/** The command `plan`. */
export function runPlan(flags: PlanFlags, { terminal }: CommandContext): void {
  const plan = compilePlan(specOf(flags));
  const cost = planCost(plan);
  if (terminal.json) terminal.printJson({ plan, cost });
  else printPlan(terminal, plan, cost);
}

/** The policy that selection flags describe. */
export function policyOf(dropRate: number | readonly number[], flags: SelectionFlags): Policy {
  const { coverMass, neighbours, firstFrame } = flags;
  return policyFrom({
    dropRate,
    ...(coverMass === undefined ? {} : { coverMass }),
    ...(neighbours === undefined ? {} : { neighbours }),
    ...(firstFrame === undefined ? {} : { firstFrame }),
  });
}

function specOf(flags: PlanFlags): AttentionSpec {
  const {
    grid,
    blockSize,
    textTokens,
    textValid,
    dropRate = [0.8],
    heads,
    headDim,
    batch,
    dtype,
    dense,
    rectify,
  } = flags;
  const visualTokens = flags.visualTokens ?? (grid && grid[0] * grid[1] * grid[2]);
  if (visualTokens === undefined)
    throw new UsageError(
      "How many tokens are there? --grid or --visual-tokens is needed.",
      "For example: spaattn plan --grid 21x45x80",
    );
  if ((flags.neighbours || flags.firstFrame) && !grid)
    throw new UsageError("--neighbours and --first-frame need --grid.");
  return {
    batch,
    heads,
    headDim,
    visualTokens,
    textTokens,
    ...(textValid === undefined ? {} : { textValid }),
    blockSize,
    dtype,
    ...(dense ? { dense } : {}),
    rectify,
    behaviour: flags.reference ? "reference" : "corrected",
    policy: policyOf(dropRate.length === 1 ? dropRate[0] : dropRate, flags),
    ...(grid ? { layout: videoLayout({ grid, blockSize, textTokens }) } : {}),
    ...tailOptions(flags),
  };
}

function printPlan(terminal: Terminal, plan: Plan, cost: PlanCost): void {
  const { geometry: g } = plan;
  terminal.print(
    `${count(g.visualTokens)} visual and ${count(g.textTokens)} text tokens, ${g.batch} × ${g.heads} heads of ${g.headDim}: ` +
      `${count(g.visualBlocks)} visual and ${g.textBlocks} text blocks of ${g.blockSize}`,
  );
  terminal.print();
  const rows = plan.steps.map(({ step, in: inputs, out }, i) => [
    String(i + 1),
    step.op,
    Object.values(inputs).join(", "),
    Object.entries(out)
      .map(([, name]) => `${name} [${plan.tensors[name].shape.join(", ")}]`)
      .join(", "),
    flop(cost.steps[i].flop),
    bytes(cost.steps[i].bytes),
  ]);
  const lines = formatTable(
    [
      { title: "" },
      { title: "step", align: "left" },
      { title: "reads", align: "left" },
      { title: "writes", align: "left" },
      { title: "work" },
      { title: "moves" },
    ],
    rows.map((row) => [row[0], row[1], shorten(row[2], 34), shorten(row[3], 56), row[4], row[5]]),
  );
  terminal.print(terminal.style("dim", lines[0]));
  for (const line of lines.slice(1)) terminal.print(line);
  terminal.print();
  for (const [name, value] of summary(plan, cost)) terminal.print(`${name.padEnd(10)} ${value}`);
}

function summary(plan: Plan, cost: PlanCost): [string, string][] {
  const range =
    cost.least === cost.most
      ? ""
      : ` (between ${percent(cost.least)} and ${percent(cost.most)}; costs are for the first figure)`;
  const largest = Object.entries(plan.tensors)
    .filter(([, tensor]) => tensor.role === "workspace")
    .sort(([, a], [, b]) => byteLength(b) - byteLength(a))[0];
  return [
    ["density", `${percent(cost.density)} of the visual blocks${range}`],
    ["blocks", `${count(cost.blocks.computed)} of ${count(cost.blocks.total)}, over all heads`],
    ["work", `${flop(cost.flop)}, ${percent(cost.flop / cost.denseFlop)} of dense attention's ${flop(cost.denseFlop)}`],
    [
      "memory",
      `${bytes(cost.ioBytes)} for query, key, value and outputs; ${bytes(cost.workspaceBytes)} between the steps${largest ? `, most of it ${largest[0]} (${bytes(byteLength(largest[1]))})` : ""}`,
    ],
  ];
}

const shorten = (text: string, width: number): string => (text.length <= width ? text : `${text.slice(0, width - 1)}…`);
