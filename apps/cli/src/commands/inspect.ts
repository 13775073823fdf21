import { type Command, Option } from "commander";
import type { InputFlags } from "../input.js";
import {
  backendOption,
  jsonOption,
  listOf,
  nonNegativeInteger,
  positiveInteger,
  type SelectionFlags,
  scale,
  share,
  size64or128,
  threadsOption,
  withArrays,
  withSelection,
} from "../options.js";
import type { CommandContext } from "../run-cli.js";

export interface InspectFlags extends SelectionFlags, InputFlags {
  readonly rectify: "none" | "paper" | "tail" | "levels";
  readonly budget?: number;
  readonly svg?: string;
  readonly dropRate?: readonly number[];
  readonly png?: string;
  readonly force?: boolean;
  readonly zoom: number;
  readonly head?: readonly number[];
  readonly backend: string;
  readonly threads?: number;
  readonly preset?: string;
}

export function registerInspect(program: Command, context: CommandContext): void {
  const command = program
    .command("inspect")
    .description("Show the mask and statistics of every head of a capture (or clip), as a table, JSON or PNG.")
    .argument("<input>", "a capture (.safetensors), .npz, .npy, a clip, or -")
    .addOption(
      new Option("--rectify <mode>", "whose selection to show")
        .choices(["none", "paper", "tail", "levels"])
        .default("tail"),
    )
    .option("-d, --drop-rate <rates>", "share of blocks to skip; one, or one per head (default: 0.8)", listOf(share))
    .option("--budget <share>", "levels: share of dense cost to spend, in place of a drop rate", share)
    .option("--preset <preset>", "drop rates per head from a file of `spaattn calibrate`, or quality, balanced, fast")
    .option("--svg <file>", "levels: draw which level was chosen where")
    .option("--png <file>", "draw the masks, one picture of all heads")
    .option("-f, --force", "let the picture replace a file that is there already")
    .option("--zoom <n>", "pixels per block in the PNG", positiveInteger, 4)
    .option("--head <list>", "only these heads", listOf(nonNegativeInteger))
    .option("--tokens <n>", "of a clip: tokens at most (default: 8192)", positiveInteger)
    .option("--heads <n>", "of a clip: heads (default: 8)", positiveInteger)
    .option("--block-size <n>", "64 or 128 (default: 128, or the capture's)", size64or128)
    .option("--scale <s>", "softmax scale (default: headDim ** -0.5, or the capture's)", scale)
    .addOption(backendOption)
    .addOption(threadsOption)
    .addOption(jsonOption);
  withArrays(command);
  withSelection(command.optionsGroup("Selection:")).action(async (input: string, flags: InspectFlags) => {
    const { runInspect } = await import("../inspect/run-inspect.js");
    await runInspect(input, flags, context);
  });
}
