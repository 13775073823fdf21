import { type Command, Option } from "commander";
import {
  grid,
  jsonOption,
  listOf,
  nonNegativeInteger,
  positiveInteger,
  type SelectionFlags,
  share,
  size64or128,
  withSelection,
} from "../options.js";
import type { CommandContext } from "../run-cli.js";

export interface PlanFlags extends SelectionFlags {
  readonly heads: number;
  readonly headDim: number;
  readonly batch: number;
  readonly visualTokens?: number;
  readonly grid?: readonly [number, number, number];
  readonly textTokens: number;
  readonly textValid?: number;
  readonly blockSize: 64 | 128;
  readonly dtype: "f32" | "f16" | "bf16";
  readonly dense?: boolean;
  readonly rectify: "none" | "paper" | "tail";
  readonly dropRate: readonly number[];
  readonly reference?: boolean;
}

const EXAMPLES = `
Examples:
  spaattn plan --grid 21x45x80 --heads 40 --head-dim 128 --drop-rate 0.75
  spaattn plan --visual-tokens 115200 --text-tokens 256 --heads 24 --head-dim 128 --json`;

export function registerPlan(program: Command, context: CommandContext): void {
  const command = program
    .command("plan")
    .description("Print the plan of an attention call and what it costs: FLOP, bytes, blocks.")
    .option("--grid <txhxw>", "token grid, such as 21x45x80", grid)
    .option("--visual-tokens <n>", "visual tokens, where there is no grid", positiveInteger)
    .option("--text-tokens <n>", "text slots", nonNegativeInteger, 0)
    .option("--text-valid <n>", "valid text tokens (default: all)", nonNegativeInteger)
    .option("--heads <n>", "heads", positiveInteger, 24)
    .option("--head-dim <d>", "channels per head", positiveInteger, 128)
    .option("--batch <n>", "batch items", positiveInteger, 1)
    .option("--block-size <n>", "64 or 128", size64or128, 128)
    .addOption(
      new Option("--dtype <type>", "of query, key, value and output").choices(["f32", "f16", "bf16"]).default("bf16"),
    )
    .addOption(
      new Option("--rectify <mode>", "what happens to skipped blocks")
        .choices(["none", "paper", "tail"])
        .default("tail"),
    )
    .option("-d, --drop-rate <rates>", "share of blocks to skip; one, or one per head (default: 0.8)", listOf(share))
    .option("--dense", "compute every block")
    .option("--reference", "decide as the original does, defects included")
    .addOption(jsonOption)
    .optionsGroup("Selection:")
    .addHelpText("after", EXAMPLES);
  withSelection(command).action(async (flags: PlanFlags) => {
    const { runPlan } = await import("../plan/run-plan.js");
    runPlan({ ...flags, dropRate: flags.dropRate ?? [0.8] }, context);
  });
}
