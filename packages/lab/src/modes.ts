import type { AttentionSpec, Extra, LevelsOptions, Policy, TailOptions } from "@spaattn/attention";
import { policyFrom } from "@spaattn/attention";
import type { LabInputs } from "./build-inputs.js";

/** Dense attention, plain block-sparse, the paper's rectification, the pooled tail, the tail with several resolutions. */
export type Mode = "dense" | "none" | "paper" | "tail" | "levels";

/** The rows of a comparison by default; levels are asked for by name. */
export const MODES: readonly Mode[] = ["dense", "none", "paper", "tail"];

/** What to select, the same for all modes. */
export interface SelectionOptions {
  /** Default 0: a fixed number of blocks per row. */
  readonly coverMass?: number;
  readonly neighbours?: boolean;
  readonly firstFrame?: "sink" | "dense" | false;
  readonly tail?: Partial<TailOptions>;
  readonly levels?: LevelsOptions;
}

/** Strata per block of tail where nothing else is said, and what `levels` take a drop rate's cost from. */
const STRATA = 4;

/** The drop rate whose exact blocks and summaries cost `budget` of dense attention in a mode (levels.md section 8). */
export function dropRateOf(mode: Mode, budget: number, blockSize: number, options: SelectionOptions = {}): number {
  if (mode === "dense") return 0;
  const strata = mode === "levels" ? STRATA : mode === "tail" ? (options.tail?.strataPerBlock ?? STRATA) : 0;
  return Math.min(1, (1 - budget) / (1 - strata / blockSize));
}

/** Cost of what is attended as a share of dense: exact blocks at their density, and the summaries of the others. */
export function costOf(mode: Mode, density: number, blockSize: number, options: SelectionOptions = {}): number {
  return mode === "tail" ? density + ((1 - density) * (options.tail?.strataPerBlock ?? STRATA)) / blockSize : density;
}

/** The policy of a drop rate and the options beside it. */
export function makePolicy(dropRate: number, options: SelectionOptions = {}): Policy {
  const { coverMass, neighbours, firstFrame } = options;
  return policyFrom({
    dropRate,
    ...(coverMass === undefined ? {} : { coverMass }),
    ...(neighbours === undefined ? {} : { neighbours }),
    ...(firstFrame === undefined ? {} : { firstFrame }),
  });
}

/** The attention spec of one row of a comparison. */
export function specOf(
  inputs: LabInputs,
  mode: Mode,
  dropRate: number,
  options: SelectionOptions = {},
  extras: readonly Extra[] = [],
): AttentionSpec {
  if (mode === "dense") return { ...inputs.spec, dense: true, extras };
  return {
    ...inputs.spec,
    rectify: mode,
    policy: makePolicy(dropRate, options),
    ...(options.tail ? { tail: options.tail } : {}),
    ...(options.levels ? { levels: options.levels } : {}),
    extras,
  };
}
