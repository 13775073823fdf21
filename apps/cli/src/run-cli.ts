import { CommanderError } from "commander";
import { reportError } from "./errors.js";
import { EXIT, type ExitCode } from "./exit-codes.js";
import { interruptible } from "./interrupt.js";
import { makeProgram } from "./program.js";
import { Terminal } from "./terminal/terminal.js";

/** What a command works with besides its own options. */
export interface CommandContext {
  readonly terminal: Terminal;
  /** Fires on Ctrl-C. */
  readonly signal: AbortSignal;
  /** Sets the exit status of a command that ran to its end. */
  leaveWith(code: ExitCode): void;
}

/** Runs a command line and returns the exit status; never throws. */
export async function runCli(args: readonly string[]): Promise<ExitCode> {
  // Asked of the raw arguments: errors of the parser are to be JSON too.
  const terminal = new Terminal({ json: args.includes("--json") });
  let exitCode: ExitCode = EXIT.fine;
  const interrupt = interruptible();
  try {
    const { program, completion } = makeProgram({
      terminal,
      signal: interrupt.signal,
      leaveWith: (code) => void (exitCode = code),
    });
    if (args.length === 0) {
      terminal.note(program.helpInformation());
      return EXIT.usage;
    }
    // What the shell is offered takes loading what knows it.
    if (args[0] === "complete") (await import("./completion.js")).completeValues(completion);
    await program.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.fine;
    return reportError(error, terminal);
  } finally {
    interrupt.release();
  }
}
