import { SpaAttnError } from "@spaattn/core";
import type { Device } from "../device.js";

/** Bindings begin at multiples of this on every device (some allow less). */
export const ALIGNMENT = 256;

/** Bytes of a buffer, and bytes per index of the kernel's load and store functions. */
export interface Range {
  readonly start: number;
  readonly end: number;
  readonly unit: number;
}

/**
 * The window to bind for a range, and where in it the range begins (in units).
 *
 * @throws SpaAttnError `OutOfMemory` that names `what` when the device binds less at once.
 */
export function bindRange(
  { limits }: Device,
  { start, end, unit }: Range,
  what: string,
): { offset: number; size: number; base: number } {
  const offset = start - (start % Math.max(ALIGNMENT, limits.minStorageBufferOffsetAlignment));
  const size = Math.ceil((end - offset) / 4) * 4;
  const limit = limits.maxStorageBufferBindingSize;
  if (size > limit)
    throw new SpaAttnError(
      "OutOfMemory",
      `${what} takes ${size} bytes, but this device binds at most ${limit} at once.`,
      {
        remedy: "Use f16, a smaller size, or a device with a larger maxStorageBufferBindingSize (see requiredLimits).",
      },
    );
  return { offset, size, base: Math.floor((start - offset) / unit) };
}
