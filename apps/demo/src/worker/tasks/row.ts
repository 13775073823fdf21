import { attentionRow, MODES, type Mode } from "@spaattn/lab";
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
  const token = pickedToken(settings.token, inputs.spec.visualTokens, inputs.spec.layout?.grid);
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

/** The token of a setting; -1, or one outside these inputs, means the middle of the clip. */
export function pickedToken(wanted: number, tokens: number, grid?: readonly [number, number, number]): number {
  if (wanted >= 0 && wanted < tokens) return wanted;
  if (!grid) return tokens >> 1;
  const [t, h, w] = grid;
  return (t >> 1) * h * w + (h >> 1) * w + (w >> 1);
}
