import { type AdapterOptions, createModel, planGeneration } from "@spaattn/models";
import type { PlanFlags } from "../commands/plan.js";
import { UsageError } from "../errors.js";
import { tailOptions } from "../options.js";
import { isNamedPreset, readPreset } from "../preset-rates.js";
import type { CommandContext } from "../run-cli.js";
import { printGeneration } from "./print-generation.js";
import { printPlacement } from "./print-placement.js";

/** The command `plan --model`: a whole generation instead of one call. `given` are the options that were typed. */
export async function runModelPlan(
  flags: PlanFlags & { readonly model: string },
  given: ReadonlySet<string>,
  { terminal }: CommandContext,
): Promise<void> {
  const { frames, height, width } = flags;
  const size = { ...(frames ? { frames } : {}), ...(height ? { height } : {}), ...(width ? { width } : {}) };
  const options = await adapterOptions(flags, given);
  if (flags.placement) {
    const { placeForward } = await import("./placement.js");
    const dtype = given.has("dtype") ? flags.dtype : "bf16";
    const placement = placeForward({ adapter: createModel(flags.model, { ...options, dtype }), size, dtype });
    if (terminal.json) terminal.printJson(placement);
    else printPlacement(terminal, placement);
    return;
  }
  const plan = planGeneration(flags.model, size, options);
  if (terminal.json) terminal.printJson(plan);
  else printGeneration(terminal, plan);
}

async function adapterOptions(flags: PlanFlags, given: ReadonlySet<string>): Promise<AdapterOptions> {
  const { dropRate, rectify, blockSize, textTokens, steps, coverMass, neighbours, firstFrame, preset } = flags;
  if (dropRate && dropRate.length > 1)
    throw new UsageError(
      "--drop-rate takes one rate with --model; rates per head come from a preset (`spaattn calibrate`).",
    );
  return {
    ...tailOptions(flags),
    ...(preset === undefined ? {} : { preset: isNamedPreset(preset) ? preset : await readPreset(preset) }),
    ...(dropRate ? { dropRate: dropRate[0] } : {}),
    ...(given.has("rectify") ? { rectify } : {}),
    ...(given.has("blockSize") ? { blockSize } : {}),
    ...(given.has("textTokens") ? { textTokens } : {}),
    ...(steps === undefined ? {} : { steps }),
    ...(coverMass === undefined ? {} : { coverMass }),
    ...(neighbours ? { neighbours } : {}),
    ...(firstFrame ? { firstFrame } : {}),
    ...(flags.dense ? { sparse: false } : {}),
    ...(flags.reference ? { behaviour: "reference" as const } : {}),
  };
}
