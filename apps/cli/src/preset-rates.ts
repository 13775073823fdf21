import { readFile } from "node:fs/promises";
import { SpaAttnError } from "@spaattn/core";
import { fileError } from "@spaattn/io/node";
import { type CalibratedPreset, findModel, namedPreset, type PresetName, parsePreset } from "@spaattn/models";
import { UsageError } from "./errors.js";

const NAMED: readonly string[] = ["quality", "balanced", "fast"] satisfies PresetName[];

/** True for the name of a preset that every model has. */
export const isNamedPreset = (name: string): name is PresetName => NAMED.includes(name);

/** A preset file made by `spaattn calibrate`. */
export async function readPreset(path: string): Promise<CalibratedPreset> {
  const text = await readFile(path, "utf8").catch((cause) => {
    const error = fileError(path, cause);
    throw new SpaAttnError(error.code, error.message, {
      remedy: "Give quality, balanced, fast, or a file made by `spaattn calibrate`.",
      cause,
    });
  });
  try {
    return parsePreset(JSON.parse(text));
  } catch (cause) {
    if ((cause as Error).name !== "SyntaxError") throw cause;
    throw new SpaAttnError("MalformedFile", `${path} is no JSON: ${(cause as Error).message}`, {
      remedy: "Make a preset with `spaattn calibrate`.",
      cause,
    });
  }
}

interface Place {
  readonly query: { readonly shape: readonly number[] };
  readonly model?: string;
  readonly layer?: number;
  readonly grid?: readonly number[];
}

/** The drop rates that `--preset` gives a capture, one per head; undefined without the option. */
export async function presetRates(
  { preset, dropRate }: { readonly preset?: string; readonly dropRate?: readonly number[] },
  capture: Place,
): Promise<readonly number[] | undefined> {
  if (preset === undefined) return undefined;
  if (dropRate) throw new UsageError("--preset and --drop-rate exclude each other.");
  const [, heads] = capture.query.shape;
  if (isNamedPreset(preset)) {
    if (!capture.model)
      throw new UsageError(
        `--preset ${preset} needs the capture's model, and it does not say.`,
        "Give a preset file, or --drop-rate.",
      );
    return new Array<number>(heads).fill(namedPreset(preset, findModel(capture.model)).dropRate);
  }
  const read = await readPreset(preset);
  const { layer, model, grid } = capture;
  if (model !== undefined && model !== read.model)
    throw new UsageError(`${preset} is for ${read.model}, and the capture is of ${model}.`);
  if (heads !== read.heads) throw new UsageError(`${preset} is for ${read.heads} heads, and the capture has ${heads}.`);
  if (grid && grid.join() !== read.grid.join())
    throw new UsageError(`${preset} is for grid ${read.grid.join("x")}, and the capture has ${grid.join("x")}.`);
  const own = layer === undefined ? undefined : read.layers[layer];
  return own ? own.dropRate : new Array<number>(heads).fill(read.otherLayers.dropRate);
}
