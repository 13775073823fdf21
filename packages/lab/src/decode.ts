import type { HostTensor } from "@spaattn/core";
import type { LabInputs } from "./build-inputs.js";
import type { Clip } from "./clip.js";
import { joinPatches } from "./patches.js";

/** One head's values in raster order: `[tokens, headDim]`. */
export function rasterValues(output: HostTensor, inputs: LabInputs, head: number): Float32Array {
  const { headDim, visualTokens } = inputs.spec;
  const tokens = output.shape[2];
  const values = output.toFloat32().subarray(head * tokens * headDim, (head + 1) * tokens * headDim);
  const order = inputs.spec.layout?.order;
  if (!order) return values.slice();
  const raster = new Float32Array(visualTokens * headDim);
  for (let position = 0; position < visualTokens; position++)
    raster.set(values.subarray(position * headDim, (position + 1) * headDim), order[position] * headDim);
  return raster;
}

/**
 * The frames an output shows, one head's or the mean of all heads.
 *
 * @throws TypeError when the inputs were not built from a clip.
 */
export function decodeFrames(output: HostTensor, inputs: LabInputs, head: number | "mean" = "mean"): Clip {
  const { patches } = inputs;
  if (!patches) throw new TypeError("These inputs are a capture: their values are no pixels.");
  const { headDim, heads } = inputs.spec;
  const chosen = head === "mean" ? Array.from({ length: heads }, (_, i) => i) : [head];
  const sum = new Float32Array(inputs.spec.visualTokens * headDim);
  for (const h of chosen) rasterValues(output, inputs, h).forEach((x, i) => void (sum[i] += x / chosen.length));
  const pixels = joinPatches(sum, headDim, patches);
  return { ...patches.size, data: new Uint8Array(pixels.buffer), name: inputs.name };
}
