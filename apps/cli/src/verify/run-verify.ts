import type { Backend } from "@spaattn/attention";
import { type Check, type ConformanceOptions, describeCheck, run, summarizeChecks } from "@spaattn/conformance";
import { withBackend } from "../backend.js";
import type { VerifyFlags } from "../commands/verify.js";
import { UsageError } from "../errors.js";
import { EXIT } from "../exit-codes.js";
import type { CommandContext } from "../run-cli.js";
import { count } from "../terminal/format.js";
import { Progress } from "../terminal/progress.js";
import { formatTable } from "../terminal/table.js";
import type { Terminal } from "../terminal/terminal.js";
import { diffusionGolden, verifyDiffusion } from "./diffusion-golden.js";
import { goldenFiles, verifyGolden } from "./golden.js";

/** The command `verify`. */
export async function runVerify(flags: VerifyFlags, context: CommandContext): Promise<void> {
  const { terminal, leaveWith } = context;
  if (flags.goldenOnly && !flags.golden) throw new UsageError("--golden-only needs --golden FOLDER.");
  const diffusion = flags.golden ? diffusionGolden(flags.golden, flags.filter) : undefined;
  const files = flags.golden && !diffusion ? await goldenFiles(flags.golden, flags.filter) : [];
  const progress = new Progress(terminal);
  // Failures are shown as they happen; a long run should not keep its bad news.
  const show = (checks: readonly Check[]) => {
    if (terminal.json) return;
    const lines = checks.filter((check) => flags.verbose || !check.ok);
    if (lines.length > 0) progress.clear();
    for (const check of lines) terminal.print(describeCheck(check));
  };
  try {
    await withBackend(flags, async (backend) => {
      const synthetic = flags.goldenOnly ? [] : await verifySynthetic(backend, flags, context, progress, show);
      const reports = {
        signal: context.signal,
        onFile: (name: string, done: number) => progress.update(done, name),
        onChecks: show,
      };
      const golden = diffusion
        ? await verifyDiffusion(backend, diffusion, reports)
        : await verifyGolden(backend, flags.golden ?? "", files, reports);
      progress.clear();
      const checks = [...synthetic, ...golden];
      if (checks.length === 0) throw new UsageError("Nothing to verify: no case or file has that name.");
      const summary = summarizeChecks(checks);
      if (terminal.json) terminal.printJson({ backend: backend.name, ...summary });
      else printSummary(terminal, backend, checks);
      if (summary.failed > 0) leaveWith(EXIT.mismatch);
    });
  } finally {
    progress.clear();
  }
}

async function verifySynthetic(
  backend: Backend,
  { size, filter, dtype }: VerifyFlags,
  { signal }: CommandContext,
  progress: Progress,
  show: (checks: readonly Check[]) => void,
): Promise<readonly Check[]> {
  const options: ConformanceOptions = {
    size,
    signal,
    ...(filter === undefined ? {} : { filter }),
    ...(dtype ? { dtypes: dtype } : {}),
    onChecks: (checks, done, total) => {
      show(checks);
      progress.update(done / total, checks[0]?.case ?? "");
    },
  };
  return (await run(backend, options)).checks;
}

/** Groups of checks with their counts and largest error, then the total. */
function printSummary(terminal: Terminal, backend: Backend, checks: readonly Check[]): void {
  const groups = new Map<string, Check[]>();
  for (const check of checks) {
    const name = check.suite === "synthetic" ? "synthetic cases" : check.case;
    groups.set(name, [...(groups.get(name) ?? []), check]);
  }
  const rows = [...groups].map(([name, group]) => {
    const { passed, failed, skipped } = summarizeChecks(group);
    const worst = Math.max(0, ...group.filter((check) => check.tolerance).map((check) => check.maxError ?? 0));
    return [name, count(passed), count(failed), count(skipped), worst === 0 ? "exact" : worst.toExponential(1)];
  });
  const lines = formatTable(
    [
      { title: "", align: "left" },
      { title: "passed" },
      { title: "failed" },
      { title: "skipped" },
      { title: "largest error" },
    ],
    rows,
  );
  terminal.print(terminal.style("dim", lines[0]));
  for (const line of lines.slice(1)) terminal.print(line);
  const reasons = [...new Set(checks.flatMap(({ skipped }) => (skipped ? [skipped] : [])))];
  for (const reason of reasons) terminal.print(`skipped: ${reason}`);
  const { passed, failed, skipped } = summarizeChecks(checks);
  const verdict = failed === 0 ? terminal.style("green", "conforms") : terminal.style("red", "DIFFERS");
  terminal.print();
  terminal.print(
    `${backend.name} ${verdict}: ${count(passed)} tensors passed, ${count(failed)} failed, ${count(skipped)} skipped`,
  );
}
