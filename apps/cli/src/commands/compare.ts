import { type Command, Option } from "commander";
import type { ClipFlags } from "../input.js";
import {
  backendOption,
  jsonOption,
  listOf,
  oneOf,
  positiveInteger,
  type SelectionFlags,
  share,
  size64or128,
  withSelection,
} from "../options.js";
import type { CommandContext } from "../run-cli.js";

export interface CompareFlags extends ClipFlags, SelectionFlags {
  readonly dropRate?: readonly number[];
  readonly budget?: readonly number[];
  readonly modes?: readonly ("none" | "paper" | "tail" | "levels")[];
  readonly repeats?: number;
  readonly backend: string;
  readonly report?: string;
  readonly force?: boolean;
}

const EXAMPLES = `
Examples:
  spaattn compare clip.gif
  spaattn compare clip.mp4 --drop-rate 0.8,0.9 --report report.html
  spaattn compare capture.safetensors --backend webgpu --json
  spaattn compare capture.safetensors --budget 0.1,0.15,0.21`;

export function registerCompare(program: Command, context: CommandContext): void {
  const command = program
    .command("compare")
    .description("Compare dense, block-sparse, paper and tail attention on a clip or a capture.")
    .argument("<input>", "a clip (GIF, WebP, PNG; other videos through ffmpeg) or a capture (.safetensors)")
    .option("-d, --drop-rate <rates>", "shares of blocks to skip, comma separated (default: 0.8)", listOf(share))
    .option(
      "--budget <shares>",
      "shares of dense cost to spend, in place of drop rates, comma separated",
      listOf(share),
    )
    .option(
      "--modes <modes>",
      "none, paper, tail, levels (default: the first three; with --budget all the backend has)",
      listOf(oneOf("none", "paper", "tail", "levels")),
    )
    .option("-r, --report <file>", "write a self-contained HTML page with pictures")
    .option("-f, --force", "let the report replace a file that is no report")
    .addOption(backendOption)
    .addOption(jsonOption)
    .option("--repeats <n>", "runs per row; the median time counts (default: 1)", positiveInteger)
    .optionsGroup("Options for clips:")
    .option("--tokens <n>", "tokens at most (default: 8192)", positiveInteger)
    .option("--heads <n>", "heads (default: 8)", positiveInteger)
    .option("--head-dim <d>", "64 or 128 (default: 64)", size64or128)
    .option("--block-size <n>", "64 or 128 (default: 128)", size64or128)
    .addOption(new Option("--curve <order>", "token order (default: hilbert)").choices(["hilbert", "raster"]))
    .option("--seed <n>", "seed of the projections (default: 7)", positiveInteger)
    .optionsGroup("Selection:")
    .addHelpText("after", EXAMPLES);
  withSelection(command).action(async (input: string, flags: CompareFlags) => {
    const { runCompare } = await import("../compare/run-compare.js");
    await runCompare(input, flags, context);
  });
}
