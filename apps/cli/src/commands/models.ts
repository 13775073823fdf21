import type { Command } from "commander";
import { jsonOption } from "../options.js";
import type { CommandContext } from "../run-cli.js";

export function registerModels(program: Command, context: CommandContext): void {
  program
    .command("models")
    .description("List the models that `plan --model` and `calibrate` know.")
    .addOption(jsonOption)
    .action(async () => {
      const { runModels } = await import("../models/run-models.js");
      runModels(context);
    });
}
