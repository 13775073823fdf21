import type { TypedArray } from "@spaattn/core";

/**
 * A row-major table of the visual tokens in curve order: `out[i] = table[curveToLinear[i]]`, row by row.
 *
 * Whatever belongs to single tokens has to travel with them: rotary factors, per-token modulation (Wan2.2 TI2V with an
 * image, docs/corrections.md#no-17), ControlNet residuals (no. 16).
 *
 * @param table `[tokens, channels]`
 * @throws RangeError when the table is not a whole number of rows of the curve.
 */
export function alongCurve<T extends TypedArray>(table: T, curveToLinear: Int32Array): T {
  const channels = table.length / curveToLinear.length;
  if (!Number.isInteger(channels))
    throw new RangeError(`table has ${table.length} elements, no multiple of the ${curveToLinear.length} tokens`);
  const out = table.slice() as T;
  for (let i = 0; i < curveToLinear.length; i++) {
    const from = curveToLinear[i] * channels;
    out.set(table.subarray(from, from + channels) as never, i * channels);
  }
  return out;
}
