import type { AttentionSpec, Extra, Policy, TailOptions } from "@spaattn/attention";
import { policyFrom } from "@spaattn/attention";
import type { LabInputs } from "./build-inputs.js";

/** The rows of a comparison: dense attention, plain block-sparse, the paper's rectification, the pooled tail. */
export type Mode = "dense" | "none" | "paper" | "tail";

export const MODES: readonly Mode[] = ["dense", "none", "paper", "tail"];

/** What to select, the same for all modes. */
export interface SelectionOptions {
  /** Default 0: a fixed number of blocks per row. */
  readonly coverMass?: number;
  readonly neighbours?: boolean;
  readonly firstFrame?: "sink" | "dense" | false;
  readonly tail?: Partial<TailOptions>;
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
    extras,
  };
}
