import { type Command, Option } from "commander";
import { backendOption, groupSize, jsonOption, positiveNumber, share, size64or128, threadsOption } from "../options.js";
import type { CommandContext } from "../run-cli.js";

export interface CalibrateFlags {
  readonly density?: number;
  readonly targetError?: number;
  readonly model?: string;
  readonly output?: string;
  readonly force?: boolean;
  readonly check?: readonly string[];
  readonly rectify: "none" | "paper" | "tail";
  readonly blockSize: 64 | 128;
  readonly strata?: "local" | "eigen" | "contiguous";
  readonly group?: number | "all";
  readonly backend: string;
  readonly threads?: number;
}

const EXAMPLES = `
Examples:
  spaattn calibrate captures/*.safetensors --density 0.2
  spaattn calibrate captures/*.safetensors --target-error 0.05 --check held-out/*.safetensors -o preset.json`;

export function registerCalibrate(program: Command, context: CommandContext): void {
  program
    .command("calibrate")
    .description("Choose drop rates per layer and head from captures, and write them as a preset.")
    .argument("<captures...>", "captures of one model and grid (.safetensors)")
    .option("--density <share>", "blocks to compute, as a share of all", share)
    .option("--target-error <error>", "relative error against dense to stay below", positiveNumber)
    .option("--model <name>", "the captures' model, where they do not say (see `spaattn models`)")
    .option("-o, --output <file>", "the preset to write (default: MODEL-GRID.preset.json)")
    .option("-f, --force", "replace a file that is there already")
    .option("--check <captures...>", "captures to measure the preset on that it was not made from")
    .addOption(
      new Option("--rectify <mode>", "what happens to skipped blocks")
        .choices(["none", "paper", "tail"])
        .default("tail"),
    )
    .option("--block-size <n>", "64 or 128", size64or128, 128)
    .addOption(new Option("--strata <kind>", "tail: how keys are split").choices(["local", "eigen", "contiguous"]))
    .option("--group <n>", 'tail: query blocks per anchor, or "all"', groupSize)
    .addOption(backendOption)
    .addOption(threadsOption)
    .addOption(jsonOption)
    .addHelpText("after", EXAMPLES)
    .action(async (captures: readonly string[], flags: CalibrateFlags) => {
      const { runCalibrate } = await import("../models/run-calibrate.js");
      await runCalibrate(captures, flags, context);
    });
}
