import {
  type Backend,
  type BlockMask,
  choiceCost,
  createAttention,
  type Extra,
  maskDensity,
  type RunReport,
} from "@spaattn/attention";
import type { HostTensor } from "@spaattn/core";
import type { LabInputs } from "./build-inputs.js";
import { fitInputs } from "./fit-inputs.js";
import { costOf, type Mode, type SelectionOptions, specOf } from "./modes.js";

/** Progress and cancellation of long work. */
export interface WorkOptions {
  readonly signal?: AbortSignal;
  /** Share done, 0 to 1, and a word on what is being done. */
  readonly onProgress?: (done: number, what: string) => void;
}

/** One attention run with everything it returned, on the host. */
export interface ModeRun {
  readonly mode: Mode;
  readonly dropRate: number;
  readonly output: HostTensor;
  readonly tensors: Readonly<Record<string, HostTensor>>;
  readonly report: RunReport;
  /** Block lists; absent for dense. */
  readonly mask?: BlockMask;
  /** Query blocks per anchor (tail), else all blocks. */
  readonly group: number;
  /** Share of visual-by-visual blocks computed, per head. */
  readonly density: Float64Array;
  /** Rows in the softmax as a share of dense attention's, text apart: exact blocks and summaries. */
  readonly cost: number;
}

const WANTED: Readonly<Record<Exclude<Mode, "dense">, readonly Extra[]>> = {
  none: ["mask"],
  paper: ["mask"],
  tail: ["mask"],
  levels: ["mask", "choice"],
};

/** Runs one mode and brings the output, the mask and the asked-for extras to the host. */
export async function runMode(
  backend: Backend,
  inputs: LabInputs,
  mode: Mode,
  dropRate: number,
  options: SelectionOptions & WorkOptions & { readonly extras?: readonly Extra[] } = {},
): Promise<ModeRun> {
  const { signal, onProgress, extras = [] } = options;
  const wanted: Extra[] = mode === "dense" ? [...extras] : [...WANTED[mode], ...extras];
  const fitted = fitInputs(backend, inputs);
  const attention = await createAttention(backend, specOf(fitted, mode, dropRate, options, wanted));
  try {
    const { query, key, value } = fitted;
    const result = await attention.run(
      { query, key, value },
      { ...(signal ? { signal } : {}), ...(onProgress ? { onProgress } : {}) },
    );
    const tensors: Record<string, HostTensor> = {};
    for (const [name, tensor] of Object.entries(result.tensors)) {
      tensors[name] = await tensor.read();
      tensor.dispose();
    }
    const { geometry } = attention.spec;
    const mask = tensors.counts && {
      counts: tensors.counts.data,
      indices: tensors.indices.data,
      stride: tensors.indices.shape[3],
    };
    const density = mask ? maskDensity(mask, geometry) : new Float64Array(geometry.batch * geometry.heads).fill(1);
    const mean = density.reduce((sum, x) => sum + x, 0) / density.length;
    const cost = tensors.choice
      ? choiceCost(tensors.choice.data as Uint8Array, geometry.blockSize)
      : costOf(mode, mean, geometry.blockSize, options);
    const attend = attention.plan.steps.find(({ step }) => step.op === "attend")?.step;
    const group = attend?.op === "attend" ? attend.group : geometry.visualBlocks;
    return {
      mode,
      group,
      dropRate,
      output: tensors.output,
      tensors,
      report: result.report,
      ...(mask ? { mask } : {}),
      density,
      cost,
    };
  } finally {
    attention.dispose();
  }
}
