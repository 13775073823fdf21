// `npm start`: the first thing a newcomer runs. Compares the modes on the bundled clip and writes a report to look at.
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { constants } from "node:os";
import { join, relative } from "node:path";
import { root } from "./workspace.mjs";

const clip = join(root, "apps/cli/assets/clip.webp");
const report = join(root, "out/report.html");
mkdirSync(join(root, "out"), { recursive: true });

console.log(`
spaattn computes a fifth of a video's attention and repairs the rest.

This compares dense attention with three sparse ones on a small bundled clip (no model, no download),
prints how far each is from dense, and writes a page with pictures. It takes about a minute.
`);

const args = [
  "compare",
  relative(process.cwd(), clip),
  "--drop-rate",
  "0.8,0.9",
  "--report",
  relative(process.cwd(), report),
];
console.log(`$ npx spaattn ${args.join(" ")}\n`);
const child = spawn(process.execPath, [join(root, "apps/cli/bin/spaattn.mjs"), ...args, ...process.argv.slice(2)], {
  stdio: "inherit",
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => {
  if (code === 0)
    console.log(`
Open ${report} in a browser.

Next:
  npx spaattn compare YOUR-CLIP.gif --report out/mine.html     your own clip
  npx spaattn plan --grid 21x45x80 --heads 40                  what a model's attention costs
  npx spaattn doctor                                           backends on this machine
  npx pnpm demo                                                the same, interactive in the browser
  README.md, packages/spaattn/README.md                        using it from code
`);
  process.exit(code ?? 128 + constants.signals[signal]);
});
