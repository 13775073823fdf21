import type { Backend } from "@spaattn/attention";
import {
  type CompareOptions,
  type Comparison,
  type CurvePoint,
  errorCurve,
  type LabInputs,
  runMode,
  trueBlockMass,
} from "@spaattn/lab";
import type { Machine } from "../compare/machine.js";
import { version } from "../version.js";
import { collectFrames, sourceFilm } from "./collect-frames.js";
import { collectHeads } from "./collect-heads.js";
import type { ReportData, SparseMode } from "./data.js";

export interface ReportRequest {
  readonly input: string;
  readonly inputs: LabInputs;
  readonly backend: Backend;
  readonly comparison: Comparison;
  readonly machine: Machine;
  readonly options: CompareOptions;
}

/** Where the curve of error against density is measured; denser at low density, where the modes differ. */
const CURVE_RATES = [0.95, 0.9, 0.8, 0.7, 0.5];

/** Makes the runs that a report needs besides the comparison's, and draws its pictures. */
export async function collectReport(request: ReportRequest): Promise<ReportData> {
  const { input, inputs, backend, comparison } = request;
  const { dropRate } = comparison.runs[0];
  const curve = await measureCurve(request);
  const maps = await measureMaps(request);
  request.options.onProgress?.(0.98, "drawing");
  const source = sourceFilm(inputs);
  const shown = comparison.runs.filter((run) => run.dropRate === dropRate);
  const heads = collectHeads(inputs, comparison, shown, maps);
  return {
    input,
    name: inputs.name,
    backend: backend.name,
    machine: request.machine,
    version,
    made: new Date(),
    notes: inputs.notes,
    warnings: comparison.warnings,
    rows: comparison.rows,
    dropRate,
    modes: shown.map((run) => run.mode as SparseMode),
    curve,
    blocks: maps.truth.blocks,
    blockSize: inputs.spec.blockSize ?? 128,
    frames: collectFrames(inputs, comparison, shown),
    ...(source ? { source } : {}),
    fps: 8,
    heads,
    headCount: (inputs.spec.batch ?? 1) * inputs.spec.heads,
  };
}

async function measureCurve({ backend, inputs, comparison, options }: ReportRequest): Promise<CurvePoint[]> {
  const measured = comparison.rows.flatMap(({ mode, dropRate, density, relL2 }) =>
    mode === "dense" ? [] : [{ mode, dropRate, density, relL2 }],
  );
  const rest = CURVE_RATES.filter((rate) => !measured.some(({ dropRate }) => dropRate === rate));
  const { onProgress } = options;
  const points = await errorCurve(backend, inputs, comparison.dense, {
    ...options,
    dropRates: rest,
    onProgress: (done, what) => onProgress?.(done * 0.7, what),
  });
  return [...measured, ...points].sort((a, b) => a.density - b.density);
}

/** The true block masses and the two estimates of them, for all heads. */
async function measureMaps({ backend, inputs, options }: ReportRequest) {
  const { onProgress } = options;
  const report = (from: number, to: number) => ({
    ...(options.signal ? { signal: options.signal } : {}),
    onProgress: (done: number, what: string) => onProgress?.(from + (to - from) * done, what),
  });
  // Estimates do not depend on the drop rate, so the cheapest run will do.
  const paper = await runMode(backend, inputs, "paper", 0.95, {
    ...report(0.7, 0.75),
    extras: ["probabilities", "gain"],
  });
  const tail = await runMode(backend, inputs, "tail", 0.95, { ...report(0.75, 0.8), extras: ["blockMass"] });
  const truth = await trueBlockMass(backend, inputs, report(0.8, 0.98));
  return { truth, implicit: paper.tensors.probabilities, gain: paper.tensors.gain, tail: tail.tensors.blockMass };
}

export type BlockMaps = Awaited<ReturnType<typeof measureMaps>>;
