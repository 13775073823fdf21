import type { HostTensor } from "@spaattn/core";
import { type Clip, decodeFrames, type LabInputs } from "@spaattn/lab";
import type { PictureFrames } from "./protocol.js";

export function toRgba(clip: Clip): PictureFrames {
  const { width, height, frames, data } = clip;
  const rgba = new Uint8ClampedArray(width * height * frames * 4);
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    rgba[to] = data[from];
    rgba[to + 1] = data[from + 1];
    rgba[to + 2] = data[from + 2];
    rgba[to + 3] = 255;
  }
  return { width, height, frames, rgba };
}

/** The picture an output shows, mean of all heads; undefined for captures. */
export const picture = (output: HostTensor, inputs: LabInputs): PictureFrames | undefined =>
  inputs.patches ? toRgba(decodeFrames(output, inputs)) : undefined;

/** Rearranges values of attention positions into raster order; without a layout they stay. */
export function toRaster<T extends Float32Array | Int32Array>(values: T, inputs: LabInputs): T {
  const order = inputs.spec.layout?.order;
  const raster = values.slice(0, inputs.spec.visualTokens) as T;
  if (order) for (let position = 0; position < raster.length; position++) raster[order[position]] = values[position];
  return raster;
}
