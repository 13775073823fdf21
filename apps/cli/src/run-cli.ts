import { type Command, CommanderError } from "commander";
import { reportError, UsageError } from "./errors.js";
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
  let command: string | undefined;
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
    command = program.commands.find((known) => known.name() === args[0])?.name();
    checkHelp(program, args);
    if (args[0] === "complete" && args[1] === "bash") {
      terminal.print((await import("./completion.js")).BASH_COMPLETION);
      return EXIT.fine;
    }
    // What the shell is offered takes loading what knows it.
    if (args[0] === "complete") (await import("./completion.js")).completeValues(completion);
    await program.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.fine;
    return reportError(error, terminal, command);
  } finally {
    interrupt.release();
  }
}

/** `help nosuch` shows the general help and says nothing; a person who asks for it has a command in mind. */
function checkHelp(program: Command, args: readonly string[]): void {
  const [first, name] = args;
  if (first !== "help" || name === undefined || name.startsWith("-")) return;
  const names = program.commands.map((known) => known.name());
  if (names.includes(name) || name === "help") return;
  const near = names.find((known) => known.startsWith(name.slice(0, 3)));
  throw new UsageError(
    `There is no command "${name}"${near ? ` (did you mean ${near}?)` : ""}.`,
    `Commands are ${names.filter((known) => known !== "complete").join(", ")}.`,
  );
}
