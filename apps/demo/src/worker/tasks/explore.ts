import type { HostTensor } from "@spaattn/core";
import { compareRow, type Mode, type ModeRun, tokenErrors } from "@spaattn/lab";
import type { Settings } from "../../state/settings.js";
import { picture } from "../pictures.js";
import type { InputInfo } from "../protocol.js";
import type { Stage } from "../session.js";
import { PRIORITY, type TaskContext } from "./context.js";
import { emitMaps } from "./maps.js";
import { emitRow } from "./row.js";

/** Everything the first page shows for one state of the settings, the most wanted first. */
export async function explore(settings: Settings, context: TaskContext): Promise<void> {
  const { session, signal } = context;
  const turn = <T>(job: () => Promise<T>) => session.scheduler.turn(PRIORITY.explore, signal, job);
  const stage = await turn(() => session.stage(settings));
  context.emit({ kind: "inputs", info: await inputInfo(stage, context) });
  const dense = await turn(() => session.dense(stage, signal));
  emitMode(dense, dense, stage, context);
  const modes: Mode[] = ["none", "paper", "tail"];
  modes.sort((a, b) => Number(b === settings.mode) - Number(a === settings.mode));
  for (const mode of modes) {
    const run = await turn(() => session.run(stage, mode, signal));
    emitMode(run, dense, stage, context);
  }
  await turn(() => emitRow(stage, context));
  await session.scheduler.turn(PRIORITY.maps, signal, () => emitMaps(stage, context));
}

function emitMode(run: ModeRun, dense: ModeRun, stage: Stage, { emit }: TaskContext): void {
  const { row, heads } = compareRow(run, dense, stage.inputs);
  const frames = picture(run.output, stage.inputs);
  const errors = tokenErrors(run.output as HostTensor, dense.output, stage.inputs);
  emit(
    {
      kind: "mode",
      view: { mode: run.mode, row, heads, steps: run.report.steps, errors, ...(frames ? { picture: frames } : {}) },
    },
    [errors.buffer, ...(frames ? [frames.rgba.buffer] : [])],
  );
}

async function inputInfo({ inputs, name }: Stage, { session }: TaskContext): Promise<InputInfo> {
  const { spec, notes, heads } = inputs;
  const { visualTokens, textTokens = 0, blockSize = 128, headDim, layout } = spec;
  return {
    name: inputs.name,
    kind: inputs.patches ? "clip" : "capture",
    ...(layout ? { grid: layout.grid, inverse: layout.inverse.slice() } : {}),
    tokens: visualTokens + textTokens,
    visualTokens,
    blocks: Math.ceil(visualTokens / blockSize),
    blockSize,
    headDim,
    heads,
    notes,
    backend: { name, device: await session.backends.device(name) },
  };
}
