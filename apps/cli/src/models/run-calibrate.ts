import { basename } from "node:path";
import { readCaptureFile, writeFileWhole } from "@spaattn/io/node";
import {
  type CalibratedPreset,
  type CalibrationTarget,
  type Capture,
  calibrate,
  createModel,
  evaluatePreset,
} from "@spaattn/models";
import { withBackend } from "../backend.js";
import type { CalibrateFlags } from "../commands/calibrate.js";
import { UsageError } from "../errors.js";
import { tailOptions } from "../options.js";
import { checkOutput } from "../output.js";
import type { CommandContext } from "../run-cli.js";
import { spool } from "../spool.js";
import { percent } from "../terminal/format.js";
import { Progress } from "../terminal/progress.js";
import type { Terminal } from "../terminal/terminal.js";

/** The command `calibrate`. */
export async function runCalibrate(
  paths: readonly string[],
  flags: CalibrateFlags,
  context: CommandContext,
): Promise<void> {
  const { terminal, signal } = context;
  const target = targetOf(flags);
  const progress = new Progress(terminal);
  try {
    if (flags.output)
      await checkOutput({ output: flags.output, force: flags.force ?? false, inputs: paths, option: "-o" });
    progress.update(0, "reading");
    const captures = await readCaptures(paths);
    const adapter = createModel(modelOf(captures, flags), {
      rectify: flags.rectify,
      blockSize: flags.blockSize,
      ...tailOptions(flags),
    });
    const output = flags.output ?? `${adapter.name}-${captures[0].grid?.join("x") ?? "nogrid"}.preset.json`;
    await checkOutput({
      output,
      force: flags.force ?? false,
      inputs: [...paths, ...(flags.check ?? [])],
      option: "-o",
    });
    const held = flags.check ? await readCaptures(flags.check) : undefined;
    await withBackend(flags, async (backend) => {
      const onProgress = (done: number) => progress.update(done, "measuring heads");
      const preset = await calibrate(adapter, captures, backend, target, { signal, onProgress });
      const checked = held && (await evaluatePreset(adapter, preset, held, backend, { signal }));
      await writeFileWhole(output, [new TextEncoder().encode(`${JSON.stringify(preset, null, 2)}\n`)], {
        force: flags.force ?? false,
      });
      progress.clear();
      if (terminal.json) terminal.printJson({ output, preset, ...(checked ? { checked } : {}) });
      else printGain(terminal, output, preset, checked);
    });
  } finally {
    progress.clear();
  }
}

function targetOf({ density, targetError }: CalibrateFlags): CalibrationTarget {
  if ((density === undefined) === (targetError === undefined))
    throw new UsageError(
      "Say either --density or --target-error.",
      "For example: spaattn calibrate captures/*.safetensors --density 0.2",
    );
  return density === undefined ? { targetError: targetError! } : { density };
}

async function readCaptures(paths: readonly string[]): Promise<Capture[]> {
  const captures: Capture[] = [];
  for (const path of paths) {
    const file = await spool(path);
    captures.push({ ...(await readCaptureFile(file.path)), name: basename(file.name) });
  }
  return captures;
}

function modelOf(captures: readonly Capture[], { model }: CalibrateFlags): string {
  const name = model ?? captures.find((capture) => capture.model !== undefined)?.model;
  if (name) return name;
  throw new UsageError("The captures do not say their model.", "Name it with --model (`spaattn models` lists them).");
}

type Checked = Awaited<ReturnType<typeof evaluatePreset>>;

function printGain(terminal: Terminal, output: string, preset: CalibratedPreset, checked: Checked | undefined): void {
  const { uniformDensityForSameError: same } = preset.measured;
  const layers = Object.keys(preset.layers).length;
  terminal.print(
    `${output}: drop rates for ${layers} layer${layers === 1 ? "" : "s"} of ${preset.model} at ${preset.grid.join("x")}, ${preset.heads} heads each`,
  );
  printMeasured(terminal, preset.measured);
  terminal.print(
    same === null
      ? "one rate for all does not get as exact below a density of 100 %"
      : `one rate for all needs a density of ${percent(same)} to be as exact`,
  );
  if (!checked) return;
  terminal.print("on the captures of --check, which it was not made from:");
  printMeasured(terminal, checked);
}

function printMeasured(terminal: Terminal, { uniform, calibrated }: Checked): void {
  for (const [name, { density, error }] of [
    ["one rate for all", uniform],
    ["calibrated", calibrated],
  ] as const)
    terminal.print(`  ${name.padEnd(18)}density ${percent(density)}, error ${error.toFixed(4)}`);
}
