import { attentionRow, MODES, type Mode, tokenErrors } from "@spaattn/lab";
import type { Settings } from "../../state/settings.js";
import { toRaster } from "../pictures.js";
import type { Stage } from "../session.js";
import { PRIORITY, type TaskContext } from "./context.js";

/** Where the picked token attends, for all modes. */
export async function row(settings: Settings, context: TaskContext): Promise<void> {
  const { session, signal } = context;
  await session.scheduler.turn(PRIORITY.row, signal, async () => {
    await emitRow(await session.stage(settings), context);
  });
}

export async function emitRow(stage: Stage, context: TaskContext): Promise<void> {
  const { inputs, settings } = stage;
  const head = Math.min(settings.head, inputs.spec.heads - 1);
  const token = await pickedToken(stage, context);
  const position = inputs.spec.layout ? inputs.spec.layout.inverse[token] : token;
  const rows: Partial<Record<Mode, Float32Array>> = {};
  for (const mode of MODES) {
    const run = await context.session.look(stage, mode, context.signal);
    rows[mode] = toRaster(attentionRow(run, inputs, head, position), inputs);
  }
  context.emit(
    { kind: "row", row: { head, token, rows } },
    Object.values(rows).map(({ buffer }) => buffer),
  );
}

/** The token of a setting; -1, or one outside these inputs, means the one that plain sparse attention gets most wrong. */
export async function pickedToken(stage: Stage, { session, signal }: TaskContext): Promise<number> {
  const { settings, inputs } = stage;
  const { heads, visualTokens } = inputs.spec;
  if (settings.token >= 0 && settings.token < visualTokens) return settings.token;
  const none = await session.run(stage, "none", signal);
  const dense = await session.dense(stage, signal);
  const errors = tokenErrors(none.output, dense.output, inputs, Math.min(settings.head, heads - 1));
  return errors.reduce((worst, error, token) => (error > errors[worst] ? token : worst), 0);
}
