import type { AttentionSpec } from "@spaattn/attention";
import { type Capture, captureSpec } from "@spaattn/io";
import { videoLayout } from "@spaattn/layout";
import { UsageError } from "./errors.js";
import { levelsOptions, type SelectionFlags, tailOptions } from "./options.js";
import { policyOf } from "./plan/run-plan.js";

export interface AttentionFlags extends SelectionFlags {
  readonly rectify: "none" | "paper" | "tail" | "levels";
  /** Of rectify "levels", in place of a drop rate. */
  readonly budget?: number;
  readonly dropRate?: readonly number[];
  readonly dense?: boolean;
  readonly reference?: boolean;
}

/** The attention spec of a capture under the flags of `run` and `inspect`. */
export function specOfCapture(capture: Capture, flags: AttentionFlags): AttentionSpec {
  const spec = captureSpec(capture);
  const { grid, axisOrder, tokenOrder, textTokens } = capture;
  if ((flags.neighbours || flags.firstFrame) && !grid)
    throw new UsageError(
      `--${flags.neighbours ? "neighbours" : "first-frame"} needs a token grid, and this capture has none.`,
      "Write the capture with its grid, or leave the option out.",
    );
  const { dropRate = [0.8] } = flags;
  if (dropRate.length !== 1 && dropRate.length !== spec.heads)
    throw new UsageError(`--drop-rate lists ${dropRate.length} rates, but the capture has ${spec.heads} heads.`);
  return {
    ...spec,
    ...(grid
      ? { layout: videoLayout({ grid, textTokens, axisOrder, blockSize: spec.blockSize ?? 128 }), tokenOrder }
      : {}),
    ...(flags.dense ? { dense: true } : {}),
    rectify: flags.rectify,
    behaviour: flags.reference ? "reference" : "corrected",
    policy: policyOf(dropRate.length === 1 ? dropRate[0] : dropRate, flags),
    ...tailOptions(flags),
    levels: { ...levelsOptions(flags).levels, ...(flags.budget === undefined ? {} : { budget: flags.budget }) },
  };
}
