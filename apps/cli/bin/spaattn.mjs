#!/usr/bin/env node
// Published: the built program. In a checkout: the sources, so that nothing has to be built first.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const source = fileURLToPath(new URL("../src/main.ts", import.meta.url));
if (existsSync(source)) await runSource();
else await import("../dist/main.js");

/** Runs the sources in a Node that reads them; export conditions can be set at its start only. */
async function runSource() {
  const { spawn } = await import("node:child_process");
  const { constants } = await import("node:os");
  const flags = ["--conditions=@spaattn/source", "--import", import.meta.resolve("tsx")];
  const child = spawn(process.execPath, [...flags, source, ...process.argv.slice(2)], { stdio: "inherit" });
  // The program decides when to stop; it needs the time to clean up.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}
