import { type ModelCard, models } from "@spaattn/models";
import type { CommandContext } from "../run-cli.js";
import { percent } from "../terminal/format.js";
import { formatTable } from "../terminal/table.js";

/** The command `models`. */
export function runModels({ terminal }: CommandContext): void {
  if (terminal.json) {
    terminal.printJson({ models });
    return;
  }
  const [titles, ...lines] = formatTable(
    [
      { title: "name", align: "left" },
      { title: "", align: "left" },
      { title: "default size", align: "left" },
      { title: "layers" },
      { title: "heads" },
      { title: "steps" },
      { title: "dropped" },
      { title: "text" },
    ],
    models.map(row),
  );
  terminal.print(terminal.style("dim", titles));
  for (const line of lines) terminal.print(line);
}

const row = ({
  name,
  title,
  defaultSize,
  layers,
  experts,
  heads,
  headDim,
  steps,
  dropRate,
  text,
}: ModelCard): string[] => [
  name,
  title,
  `${defaultSize.width}x${defaultSize.height}${defaultSize.frames > 1 ? `, ${defaultSize.frames} frames` : ""}`,
  experts ? `2 × ${layers}` : String(layers),
  `${heads} × ${headDim}`,
  String(steps),
  percent(dropRate, 0),
  text ? String(text.slots) : "–",
];
