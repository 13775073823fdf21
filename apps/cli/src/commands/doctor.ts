import type { Command } from "commander";
import { jsonOption } from "../options.js";
import type { CommandContext } from "../run-cli.js";

export function registerDoctor(program: Command, context: CommandContext): void {
  program
    .command("doctor")
    .description("Say which backends exist here, why others do not, and what to do.")
    .addOption(jsonOption)
    .addHelpText(
      "after",
      "\nSPAATTN_REQUIRE=webgpu,cuda makes a missing backend of that list a failure (exit status 3).",
    )
    .action(async () => {
      const { runDoctor } = await import("../doctor/run-doctor.js");
      await runDoctor(context);
    });
}
