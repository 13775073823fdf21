import type { HostTensor } from "@spaattn/core";
import { type Outcome, unravel } from "../check.js";

export interface Allowed {
  /** Relative to the unit. */
  readonly tolerance: number;
  /** The unit is the largest magnitude of the row (the last axis) instead of the tensor's. */
  readonly perRow: boolean;
}

/** Compares with the oracle: NaN exactly where it has NaN, infinities equal, everything else within the tolerance. */
export function compareTensor(got: HostTensor, expected: Float64Array, { tolerance, perRow }: Allowed): Outcome {
  const values = got.dtype === "f64" ? (got.data as Float64Array) : got.toFloat32();
  const { shape } = got;
  if (values.length !== expected.length)
    return { ok: false, note: `has ${values.length} elements, expected ${expected.length}` };
  const width = perRow ? (shape.at(-1) ?? 1) : expected.length;
  let [maxError, first] = [0, -1];
  for (let from = 0; from < expected.length; from += width) {
    const unit = largest(expected, from, from + width) || 1;
    for (let i = from; i < from + width; i++) {
      const error = difference(values[i], expected[i]) / unit;
      maxError = Math.max(maxError, error);
      if (error > tolerance && first < 0) first = i;
    }
  }
  if (first < 0) return { ok: true, maxError, tolerance };
  const where = { firstIndex: unravel(first, shape), got: values[first], expected: expected[first] };
  return { ok: false, maxError, tolerance, ...where };
}

function difference(got: number, expected: number): number {
  if (Object.is(got, expected) || got === expected) return 0;
  if (Number.isNaN(got) && Number.isNaN(expected)) return 0;
  if (!Number.isFinite(got) || !Number.isFinite(expected)) return Number.POSITIVE_INFINITY;
  return Math.abs(got - expected);
}

function largest(values: Float64Array, from: number, to: number): number {
  let top = 0;
  for (let i = from; i < to; i++) if (Number.isFinite(values[i])) top = Math.max(top, Math.abs(values[i]));
  return top;
}
