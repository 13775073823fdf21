#!/usr/bin/env node
// Published: the built program. In a checkout: the sources, so that nothing has to be built first.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const source = fileURLToPath(new URL("../src/main.ts", import.meta.url));
if (existsSync(source)) {
  const run = spawnSync(
    process.execPath,
    ["--conditions=@spaattn/source", "--import", import.meta.resolve("tsx"), source, ...process.argv.slice(2)],
    { stdio: "inherit" },
  );
  process.exit(run.status ?? 1);
} else {
  await import("../dist/main.js");
}
