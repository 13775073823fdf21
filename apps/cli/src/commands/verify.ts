import { type Command, Option } from "commander";
import { backendOption, jsonOption, listOf, oneOf, threadsOption } from "../options.js";
import type { CommandContext } from "../run-cli.js";

export interface VerifyFlags {
  readonly backend: string;
  readonly threads?: number;
  readonly golden?: string;
  readonly goldenOnly?: boolean;
  readonly size: "small" | "all";
  readonly filter?: string;
  readonly dtype?: readonly ("f32" | "f16" | "bf16")[];
  readonly verbose?: boolean;
}

const EXAMPLES = `
Examples:
  spaattn verify --backend webgpu
  spaattn verify --backend ./my-backend.js --size small
  spaattn verify --golden golden/ --backend reference`;

export function registerVerify(program: Command, context: CommandContext): void {
  program
    .command("verify")
    .description("Run the conformance cases, and golden files of a folder, on a backend.")
    .option(
      "--golden <folder>",
      "also check the golden files of this folder: of attention (*.safetensors), or of diffusion models",
    )
    .option("--golden-only", "check the golden files alone")
    .addOption(
      new Option("--size <size>", "small: only cases of at most 512 tokens").choices(["small", "all"]).default("all"),
    )
    .option("--filter <text>", "only cases and files whose name contains this")
    .option("--dtype <types>", "f32, f16, bf16 (default: all the backend has)", listOf(oneOf("f32", "f16", "bf16")))
    .option("--verbose", "also print what passed and what was skipped")
    .addOption(backendOption)
    .addOption(threadsOption)
    .addOption(jsonOption)
    .addHelpText("after", EXAMPLES)
    .action(async (flags: VerifyFlags) => {
      const { runVerify } = await import("../verify/run-verify.js");
      await runVerify(flags, context);
    });
}
