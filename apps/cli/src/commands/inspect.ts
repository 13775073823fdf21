import { type Command, Option } from "commander";
import type { ClipFlags } from "../input.js";
import {
  backendOption,
  jsonOption,
  listOf,
  nonNegativeInteger,
  positiveInteger,
  type SelectionFlags,
  share,
  withSelection,
} from "../options.js";
import type { CommandContext } from "../run-cli.js";

export interface InspectFlags extends SelectionFlags, Pick<ClipFlags, "tokens" | "heads"> {
  readonly rectify: "none" | "paper" | "tail" | "levels";
  readonly budget?: number;
  readonly svg?: string;
  readonly dropRate?: readonly number[];
  readonly png?: string;
  readonly force?: boolean;
  readonly zoom: number;
  readonly head?: readonly number[];
  readonly backend: string;
}

export function registerInspect(program: Command, context: CommandContext): void {
  const command = program
    .command("inspect")
    .description("Show the mask and statistics of every head of a capture (or clip), as a table, JSON or PNG.")
    .argument("<input>", "a capture (.safetensors) or a clip")
    .addOption(
      new Option("--rectify <mode>", "whose selection to show")
        .choices(["none", "paper", "tail", "levels"])
        .default("tail"),
    )
    .option("-d, --drop-rate <rates>", "share of blocks to skip; one, or one per head (default: 0.8)", listOf(share))
    .option("--budget <share>", "levels: share of dense cost to spend, in place of a drop rate", share)
    .option("--svg <file>", "levels: draw which level was chosen where")
    .option("--png <file>", "draw the masks, one picture of all heads")
    .option("-f, --force", "let the picture replace a file that is there already")
    .option("--zoom <n>", "pixels per block in the PNG", positiveInteger, 4)
    .option("--head <list>", "only these heads", listOf(nonNegativeInteger))
    .option("--tokens <n>", "of a clip: tokens at most (default: 8192)", positiveInteger)
    .option("--heads <n>", "of a clip: heads (default: 8)", positiveInteger)
    .addOption(backendOption)
    .addOption(jsonOption)
    .optionsGroup("Selection:");
  withSelection(command).action(async (input: string, flags: InspectFlags) => {
    const { runInspect } = await import("../inspect/run-inspect.js");
    await runInspect(input, flags, context);
  });
}
