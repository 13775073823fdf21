import { HostTensor, SpaAttnError } from "@spaattn/core";
import type { ReadOptions, WeightEntry, Weights } from "./weights/weights.js";

/** The scalar beside a quantised `X.weight`, in older and newer files. */
const SCALES = ["scale_weight", "weight_scale"];
/** Scales of activations, and the marker; none of them is a weight. */
const NO_WEIGHT = /(^|\.)(scaled_fp8|scale_weight|weight_scale|scale_input|input_scale)$/;

/**
 * Weights of "scaled fp8" files with the scales applied: `X.weight` reads as f32, stored value times `X.scale_weight`.
 *
 * The scales themselves and the marker `scaled_fp8` are hidden. Weights without scales are given back as they are.
 */
export function scaledWeights(weights: Weights): Weights {
  const names = weights.names.filter((name) => !NO_WEIGHT.test(name));
  if (names.length === weights.names.length) return weights;
  const visible = new Set(names);
  const scaleOf = (name: string): string | undefined => {
    if (!name.endsWith(".weight")) return undefined;
    const stem = name.slice(0, -"weight".length);
    return SCALES.map((scale) => stem + scale).find((scale) => weights.has(scale));
  };
  const entry = async (name: string, expected?: { shape?: readonly number[] }): Promise<WeightEntry> => {
    const found = await weights.entry(name, expected);
    return scaleOf(name) ? { ...found, dtype: "f32" } : found;
  };
  const read = async (name: string, options?: ReadOptions): Promise<HostTensor> => {
    const tensor = await weights.read(name, options);
    const scaleName = scaleOf(name);
    if (!scaleName) return tensor;
    const scale = (await weights.read(scaleName)).toFloat32();
    if (scale.length !== 1)
      throw new SpaAttnError(
        "Unsupported",
        `${weights.name}: ${scaleName} has ${scale.length} numbers instead of one.`,
        {
          remedy: "Only one scale per weight is supported.",
        },
      );
    return new HostTensor(
      "f32",
      tensor.shape,
      tensor.toFloat32().map((value) => value * scale[0]),
    );
  };
  return {
    name: weights.name,
    names,
    has: (name) => visible.has(name),
    entry,
    read,
    stream: (name, options) => weights.stream(name, options),
    check: () => weights.check(),
    close: () => weights.close(),
  };
}
