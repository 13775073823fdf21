import { type Command, Option } from "commander";
import type { ArrayFlags } from "../arrays.js";
import {
  backendOption,
  jsonOption,
  listOf,
  type SelectionFlags,
  scale,
  share,
  size64or128,
  threadsOption,
  withArrays,
  withSelection,
} from "../options.js";
import type { CommandContext } from "../run-cli.js";

/** Tensors `run` can write besides the output, by option. */
export interface RunFlags extends SelectionFlags, ArrayFlags {
  readonly output: string;
  readonly force?: boolean;
  readonly backend: string;
  readonly threads?: number;
  readonly preset?: string;
  readonly blockSize?: 64 | 128;
  readonly scale?: number;
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
    .description("Run attention on a capture and write the output as safetensors, npz or npy.")
    .argument("<capture>", "query, key and value (.safetensors, .npz, .npy, or - for standard input)")
    .requiredOption("-o, --output <file>", "the file to write (.safetensors, .npz, .npy), or - for standard output")
    .option("-f, --force", "replace a file that is there already")
    .addOption(
      new Option("--rectify <mode>", "what happens to skipped blocks")
        .choices(["none", "paper", "tail", "levels"])
        .default("tail"),
    )
    .option("-d, --drop-rate <rates>", "share of blocks to skip; one, or one per head (default: 0.8)", listOf(share))
    .option("--preset <preset>", "drop rates per head from a file of `spaattn calibrate`, or quality, balanced, fast")
    .option("--block-size <n>", "64 or 128 (default: 128, or the capture's)", size64or128)
    .option("--scale <s>", "softmax scale (default: headDim ** -0.5, or the capture's)", scale)
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
    .addOption(threadsOption)
    .addOption(jsonOption);
  withArrays(command);
  withSelection(command.optionsGroup("Selection:")).action(async (capture: string, flags: RunFlags) => {
    const { runRun } = await import("../run/run-run.js");
    await runRun(capture, flags, context);
  });
}
