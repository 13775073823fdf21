import { type Backend, choiceCost, EXACT } from "@spaattn/attention";
import { writeFileWhole } from "@spaattn/io/node";
import { type LabInputs, runMode } from "@spaattn/lab";
import type { InspectFlags } from "../commands/inspect.js";
import { levelsOptions } from "../options.js";
import type { CommandContext } from "../run-cli.js";
import { percent } from "../terminal/format.js";
import type { Progress } from "../terminal/progress.js";
import { formatTable } from "../terminal/table.js";
import { levelsSheet } from "./levels-sheet.js";

/** What rectify "levels" chose for one head. */
interface HeadLevels {
  readonly head: number;
  readonly label: string;
  readonly cost: number;
  readonly density: number;
  /** Share of pairs at each level. */
  readonly levels: readonly number[];
}

/** `inspect --rectify levels`: how finely every pair of blocks is attended, as a table, JSON or SVG. */
export async function inspectLevels(
  path: string,
  backend: Backend,
  inputs: LabInputs,
  heads: readonly number[],
  flags: InspectFlags,
  { terminal, signal }: CommandContext,
  progress: Progress,
): Promise<void> {
  const { dropRate = [0.8], budget } = flags;
  const levels = { ...levelsOptions(flags).levels, ...(budget === undefined ? {} : { budget }) };
  const onProgress = (done: number, what: string) => progress.update(done, what);
  const run = await runMode(backend, inputs, "levels", dropRate[0], { levels, signal, onProgress });
  progress.clear();
  const { choice } = run.tensors;
  const n = choice.shape[3];
  const blockSize = inputs.spec.blockSize ?? 128;
  const depth = Math.log2(blockSize) - 2;
  const plane = (head: number) => (choice.data as Uint8Array).subarray(head * n * n, (head + 1) * n * n);
  const found = heads.map((head): HeadLevels => {
    const own = plane(head);
    const share = (wanted: number) => own.reduce((sum, x) => sum + Number(x === wanted), 0) / own.length;
    return {
      head,
      label: inputs.heads[head % inputs.heads.length] ?? `head ${head}`,
      cost: choiceCost(own, blockSize),
      density: share(EXACT),
      levels: Array.from({ length: depth + 1 }, (_, level) => share(level)),
    };
  });
  if (flags.svg) {
    const maps = found.map(({ head, label, cost }) => ({
      title: `${label}: ${percent(cost)} of dense`,
      choice: plane(head),
    }));
    const svg = new TextEncoder().encode(levelsSheet(maps, n, depth));
    await writeFileWhole(flags.svg, [svg], { force: flags.force ?? false });
  }
  if (terminal.json) {
    const rowOf = (head: number) =>
      Array.from({ length: n }, (_, i) => Array.from(plane(head).subarray(i * n, (i + 1) * n)));
    terminal.printJson({
      ...{ input: path, backend: backend.name, rectify: "levels", cost: run.cost },
      heads: found.map((head) => ({ ...head, choice: rowOf(head.head) })),
      ...(flags.svg ? { svg: flags.svg } : {}),
    });
    return;
  }
  for (const note of inputs.notes) terminal.print(terminal.style("dim", note));
  terminal.print();
  const titles = ["head", "cost", "exact", ...found[0].levels.map((_, level) => String(2 ** level)).reverse()];
  const [first, ...lines] = formatTable(
    titles.map((title) => ({ title })),
    found.map(({ head, cost, density, levels: shares }) => [
      ...[String(head), percent(cost), percent(density)],
      ...[...shares].reverse().map((share) => percent(share)),
    ]),
  );
  terminal.print(terminal.style("dim", first));
  for (const line of lines) terminal.print(line);
  terminal.print(`All heads together spend ${percent(run.cost)} of dense attention; columns are summaries per block.`);
  if (flags.svg) terminal.note(`Levels: ${flags.svg}`);
}
