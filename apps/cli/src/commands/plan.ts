import { type Command, Option } from "commander";
import { UsageError } from "../errors.js";
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
  readonly dropRate?: readonly number[];
  readonly model?: string;
  readonly frames?: number;
  readonly height?: number;
  readonly width?: number;
  readonly steps?: number;
  readonly preset?: string;
  readonly reference?: boolean;
  readonly placement?: boolean;
}

const EXAMPLES = `
Examples:
  spaattn plan --grid 21x45x80 --heads 40 --head-dim 128 --drop-rate 0.75
  spaattn plan --model wan2.1-t2v-14b --frames 81 --height 720 --width 1280
  spaattn plan --model wan2.1-t2v-14b --frames 81 --height 720 --width 1280 --placement
  spaattn plan --visual-tokens 115200 --text-tokens 256 --heads 24 --head-dim 128 --json`;

export function registerPlan(program: Command, context: CommandContext): void {
  const command = program
    .command("plan")
    .description("Print the plan and cost of an attention call, or of a model's whole generation.")
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
    .optionsGroup("A whole generation of a model:")
    .option("--model <name>", "such as wan2.1-t2v-14b (see `spaattn models`)")
    .option("--frames <n>", "frames (default: the model's)", positiveInteger)
    .option("--height <n>", "pixels (default: the model's)", positiveInteger)
    .option("--width <n>", "pixels (default: the model's)", positiveInteger)
    .option("--steps <n>", "denoising steps (default: the model's)", positiveInteger)
    .option("--preset <preset>", "quality, balanced, fast, or a file made by `spaattn calibrate`")
    .option("--placement", "the memory of one whole forward of the transformer instead (Wan models)")
    .optionsGroup("Selection:")
    .addHelpText("after", EXAMPLES);
  withSelection(command).action(async (flags: PlanFlags) => {
    const given = new Set(Object.keys(flags).filter((name) => command.getOptionValueSource(name) === "cli"));
    refuseMixture(given);
    if (flags.model !== undefined) {
      const { runModelPlan } = await import("../models/run-model-plan.js");
      await runModelPlan({ ...flags, model: flags.model }, given, context);
    } else {
      const { runPlan } = await import("../plan/run-plan.js");
      runPlan(flags, context);
    }
  });
}

/** A model brings its own shape; a shape has no frames or steps. */
function refuseMixture(given: ReadonlySet<string>): void {
  const shape = ["grid", "visualTokens", "textValid", "heads", "headDim", "batch", "dtype"];
  const generation = ["frames", "height", "width", "steps", "preset", "placement"];
  const allowed = given.has("placement") ? "dtype" : "";
  const wrong = (given.has("model") ? shape : generation).find((name) => given.has(name) && name !== allowed);
  if (!wrong) return;
  const option = `--${wrong.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  throw new UsageError(given.has("model") ? `${option} and --model exclude each other.` : `${option} needs --model.`);
}
