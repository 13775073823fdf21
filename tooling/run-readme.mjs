// Runs the code of the README as a newcomer does: saved as a file in the checkout, with plain Node and nothing else.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./workspace.mjs";

let failed = false;
for (const page of ["README.md", "docs/from-pytorch.md"]) {
  const [, code] = readFileSync(join(root, page), "utf8").match(/```ts\n([\s\S]*?)```/) ?? [];
  if (!code) throw new Error(`${page} has no example`);
  const file = join(root, `.example-${process.pid}.mjs`);
  // The only TypeScript in it, which plain Node does not read.
  writeFileSync(file, code.replaceAll(" as const", ""));
  try {
    const { status, stdout, stderr } = spawnSync(process.execPath, [file], { cwd: root, encoding: "utf8" });
    console.log(`${page}: ${stdout.trim()}`);
    if (status !== 0 || stdout.trim() === "") failed = true;
    if (status !== 0) console.error(stderr);
  } finally {
    rmSync(file, { force: true });
  }
}
process.exit(failed ? 1 : 0);
