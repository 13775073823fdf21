import { readFile } from "node:fs/promises";
import { SpaAttnError } from "@spaattn/core";
import { type AdapterOptions, createModel, type PresetName, parsePreset, planGeneration } from "@spaattn/models";
import type { PlanFlags } from "../commands/plan.js";
import { UsageError } from "../errors.js";
import { tailOptions } from "../options.js";
import type { CommandContext } from "../run-cli.js";
import { printGeneration } from "./print-generation.js";
import { printPlacement } from "./print-placement.js";

const NAMED: readonly string[] = ["quality", "balanced", "fast"] satisfies PresetName[];

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
    ...(preset === undefined
      ? {}
      : { preset: NAMED.includes(preset) ? (preset as PresetName) : await readPreset(preset) }),
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

/** A preset file made by `spaattn calibrate`. */
async function readPreset(path: string) {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new SpaAttnError(
      "FileAccess",
      `${path}: ${cause.code === "ENOENT" ? "there is no such file" : cause.message}`,
      {
        remedy: "Give quality, balanced, fast, or a file made by `spaattn calibrate`.",
        cause,
      },
    );
  });
  try {
    return parsePreset(JSON.parse(text));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new SpaAttnError("MalformedFile", `${path} is no JSON: ${cause.message}`, {
      remedy: "Make a preset with `spaattn calibrate`.",
      cause,
    });
  }
}
