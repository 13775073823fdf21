import { waitingFor } from "./backend.js";
import { EXIT } from "./exit-codes.js";
import { runCli } from "./run-cli.js";

// A reader that has seen enough (`spaattn models | head`) closes the pipe. The work goes on for the sake of its exit
// status, which `set -o pipefail` asks for; what it would still write goes nowhere.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    stream.write = (...args: unknown[]) => {
      const done = args.at(-1);
      if (typeof done === "function") done();
      return true;
    };
  });

let ended = false;
// Nothing is left that could ever settle what the command waits for: Node would leave with 13 and say nothing.
process.on("beforeExit", () => {
  if (ended) return;
  process.stderr.write(`error: ${waitingFor()} never finished: it waits for something that cannot come any more.\n`);
  process.exit(EXIT.failure);
});

// Not process.exit: what is written to a pipe must arrive.
process.exitCode = await runCli(process.argv.slice(2));
ended = true;
