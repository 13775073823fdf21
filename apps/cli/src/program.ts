import type { RootCommand } from "@bomb.sh/tab";
import tab from "@bomb.sh/tab/commander";
import { Command } from "commander";
import { registerCalibrate } from "./commands/calibrate.js";
import { registerCompare } from "./commands/compare.js";
import { registerDoctor } from "./commands/doctor.js";
import { registerGenerate } from "./commands/generate.js";
import { registerInspect } from "./commands/inspect.js";
import { registerModels } from "./commands/models.js";
import { registerPlan } from "./commands/plan.js";
import { registerRun } from "./commands/run.js";
import { registerVerify } from "./commands/verify.js";
import type { CommandContext } from "./run-cli.js";
import { version } from "./version.js";

const EXIT_HELP = `
Exit status: 0 fine, 1 failure, 2 wrong usage, 3 backend unavailable, 4 mismatch, 5 not finite.
Shell completion: spaattn complete bash | zsh | fish | powershell`;

/** The command line of spaattn; each command loads what it needs when it runs. */
export function makeProgram(context: CommandContext): { program: Command; completion: RootCommand } {
  const program = new Command("spaattn")
    .description("Sparse attention for video diffusion that stays close to dense attention.")
    .version(version, "-v, --version")
    .addHelpText("after", EXIT_HELP)
    .showSuggestionAfterError()
    .exitOverride()
    // Errors are reported in one place, as text or as JSON.
    .configureOutput({ writeErr: () => {}, outputError: () => {} });
  for (const register of [
    registerGenerate,
    registerCompare,
    registerRun,
    registerInspect,
    registerPlan,
    registerModels,
    registerCalibrate,
    registerVerify,
    registerDoctor,
  ])
    register(program, context);
  return { program, completion: tab(program) };
}
