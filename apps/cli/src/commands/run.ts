import { type Command, Option } from "commander";
import { backendOption, jsonOption, listOf, type SelectionFlags, share, withSelection } from "../options.js";
import type { CommandContext } from "../run-cli.js";

/** Tensors `run` can write besides the output, by option. */
export interface RunFlags extends SelectionFlags {
  readonly output: string;
  readonly force?: boolean;
  readonly backend: string;
  readonly rectify: "none" | "paper" | "tail" | "levels";
  readonly budget?: number;
  readonly choice?: boolean;
  readonly dropRate?: readonly number[];
  readonly dense?: boolean;
  readonly reference?: boolean;
  readonly outputDtype?: "f32" | "f16" | "bf16";
  readonly mask?: boolean;
  readonly factor?: boolean;
  readonly lse?: boolean;
  readonly probabilities?: boolean;
}

export function registerRun(program: Command, context: CommandContext): void {
  const command = program
    .command("run")
    .description("Run attention on a capture and write the output as safetensors.")
    .argument("<capture>", "query, key and value (.safetensors)")
    .requiredOption("-o, --output <file>", "the file to write; its tensors are in the capture's token order")
    .option("-f, --force", "replace a file that is there already")
    .addOption(
      new Option("--rectify <mode>", "what happens to skipped blocks")
        .choices(["none", "paper", "tail", "levels"])
        .default("tail"),
    )
    .option("-d, --drop-rate <rates>", "share of blocks to skip; one, or one per head (default: 0.8)", listOf(share))
    .option("--budget <share>", "levels: share of dense cost to spend, in place of a drop rate", share)
    .option("--dense", "compute every block")
    .option("--reference", "decide as the original does, defects included")
    .addOption(
      new Option("--output-dtype <type>", "of the output (default: the capture's)").choices(["f32", "f16", "bf16"]),
    )
    .option("--mask", "also write the mask: mask [b, h, n, blocks] u8, in curve order")
    .option("--choice", "also write what was chosen: choice [b, h, n, n] u8, a level or 255 for exact (levels)")
    .option("--factor", "also write the rectification factor R (paper)")
    .option("--lse", "also write the log-sum-exp of every row, in curve order")
    .option("--probabilities", "also write the implicit full attention P (none, paper)")
    .addOption(backendOption)
    .addOption(jsonOption)
    .optionsGroup("Selection:");
  withSelection(command).action(async (capture: string, flags: RunFlags) => {
    const { runRun } = await import("../run/run-run.js");
    await runRun(capture, flags, context);
  });
}
