import { runCli } from "./run-cli.js";

// A reader that has seen enough (`spaattn models | head`) closes the pipe: nothing to report, nobody to report it to.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

// Not process.exit: what is written to a pipe must arrive.
process.exitCode = await runCli(process.argv.slice(2));
