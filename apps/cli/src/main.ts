import { runCli } from "./run-cli.js";

// Not process.exit: what is written to a pipe must arrive.
process.exitCode = await runCli(process.argv.slice(2));
