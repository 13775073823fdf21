import { errorCurve } from "@spaattn/lab";
import { selectionOf } from "../../state/lab-options.js";
import type { Settings } from "../../state/settings.js";
import { PRIORITY, type TaskContext } from "./context.js";

const DROP_RATES = [0.9, 0.7, 0.5, 0.8, 0.6, 0.95, 0.3, 0.85];

/** Error against density: one turn per point, so that everything else may come in between. */
export async function curve(settings: Settings, { session, signal, emit }: TaskContext): Promise<void> {
  for (const dropRate of DROP_RATES)
    for (const mode of ["none", "paper", "tail"] as const)
      await session.scheduler.turn(PRIORITY.curve, signal, async () => {
        const stage = await session.stage(settings);
        const dense = await session.dense(stage, signal);
        await errorCurve(stage.backend, stage.inputs, dense, {
          ...selectionOf(settings),
          modes: [mode],
          dropRates: [dropRate],
          signal,
          onPoint: (point) => emit({ kind: "point", point }),
        });
      });
}
