import type { Backend } from "@spaattn/attention";
import { guardCallbacks, throwIfAborted } from "@spaattn/core";
import type { LabInputs } from "./build-inputs.js";
import { checkCurveOptions } from "./check-options.js";
import { measureQuality } from "./metrics.js";
import type { Mode, SelectionOptions } from "./modes.js";
import { type ModeRun, runMode, type WorkOptions } from "./run-mode.js";

/** One point of error against density. */
export interface CurvePoint {
  readonly mode: Exclude<Mode, "dense">;
  readonly dropRate: number;
  readonly density: number;
  readonly relL2: number;
}

export interface CurveOptions extends SelectionOptions, WorkOptions {
  readonly modes?: readonly Exclude<Mode, "dense">[];
  readonly dropRates?: readonly number[];
  /** Called with every point as it is measured. */
  readonly onPoint?: (point: CurvePoint) => void;
}

const DROP_RATES = [0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5];

/** Error against density of all modes, measured against a dense run that was made before. */
export function errorCurve(
  backend: Backend,
  inputs: LabInputs,
  dense: ModeRun,
  options: CurveOptions = {},
): Promise<CurvePoint[]> {
  checkCurveOptions(options);
  return guardCallbacks(options, ["onProgress", "onPoint"], (guarded) => measureCurve(backend, inputs, dense, guarded));
}

async function measureCurve(
  backend: Backend,
  inputs: LabInputs,
  dense: ModeRun,
  options: CurveOptions,
): Promise<CurvePoint[]> {
  const { modes = ["none", "paper", "tail"], dropRates = DROP_RATES, onPoint, onProgress } = options;
  const points: CurvePoint[] = [];
  const total = modes.length * dropRates.length;
  for (const dropRate of dropRates)
    for (const mode of modes) {
      const before = points.length;
      onProgress?.(before / total, "error against density");
      throwIfAborted(options.signal);
      const run = await runMode(backend, inputs, mode, dropRate, {
        ...options,
        onProgress: (done) => onProgress?.((before + done) / total, "error against density"),
      });
      const { all } = measureQuality(run.output, dense.output, inputs);
      const density = run.density.reduce((sum, x) => sum + x, 0) / run.density.length;
      const point = { mode, dropRate, density, relL2: all.relL2 };
      points.push(point);
      onPoint?.(point);
    }
  return points;
}
