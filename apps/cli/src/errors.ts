import { isSpaAttnError } from "@spaattn/core";
import { fileError } from "@spaattn/io/node";
import { CommanderError } from "commander";
import { EXIT, type ExitCode } from "./exit-codes.js";
import type { Terminal } from "./terminal/terminal.js";

/** A command line that asks for something impossible. */
export class UsageError extends Error {
  constructor(
    message: string,
    /** Default: where the command's help is. */
    readonly remedy?: string,
  ) {
    super(message);
    this.name = "UsageError";
  }
}

export interface Problem {
  readonly exitCode: ExitCode;
  readonly code: string;
  readonly message: string;
  readonly remedy?: string;
}

/** What to tell a person about an error, and with which status to leave. */
export function problemOf(error: unknown, command = ""): Problem {
  const help = `See \`spaattn ${command ? `${command} ` : ""}--help\`.`;
  if (error instanceof UsageError)
    return { exitCode: EXIT.usage, code: "Usage", message: error.message, remedy: error.remedy ?? help };
  if (error instanceof CommanderError)
    return { exitCode: EXIT.usage, code: "Usage", message: error.message.replace(/^error: /, ""), remedy: help };
  if (isSpaAttnError(error)) {
    const exitCode =
      error.code === "BackendUnavailable"
        ? EXIT.backendUnavailable
        : error.code === "Aborted"
          ? EXIT.interrupted
          : EXIT.failure;
    const remedy = error.code === "Aborted" ? "Files that were not complete have not been written." : error.remedy;
    return { exitCode, code: error.code, message: error.message, remedy };
  }
  // The library throws RangeError for wrong arguments, and here arguments come from the command line.
  if (error instanceof RangeError && !/allocation|array length|call stack/i.test(error.message))
    return { exitCode: EXIT.usage, code: "Usage", message: error.message, remedy: help };
  // Errors of the file system that nobody put into words.
  const { syscall, path } = error as NodeJS.ErrnoException;
  if (typeof syscall === "string" && typeof path === "string") return problemOf(fileError(path, error));
  const message = error instanceof Error ? error.message : String(error);
  return {
    exitCode: EXIT.failure,
    code: "Failure",
    message,
    remedy: "Run it again with DEBUG=spaattn to see where it comes from.",
  };
}

/** Prints an error as message and remedy (or as JSON) and returns the exit status. */
export function reportError(error: unknown, terminal: Terminal, command?: string): ExitCode {
  const problem = problemOf(error, command);
  const { exitCode, ...rest } = problem;
  if (terminal.json) terminal.printJson({ error: rest });
  else {
    terminal.note(`${terminal.style("red", "error:")} ${problem.message}`);
    if (problem.remedy) terminal.note(problem.remedy);
  }
  if (process.env.DEBUG && error instanceof Error) {
    terminal.note(error.stack ?? "");
    if (error.cause instanceof Error) terminal.note(`caused by ${error.cause.stack}`);
  }
  return exitCode;
}
