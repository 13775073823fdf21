import { colourOf } from "@spaattn/lab";

const STEPS = 256;

/** Cividis as a table: `[256, 3]`; safe for colour-blind readers. */
export const CIVIDIS = table((i) => colourOf(i / (STEPS - 1)));

/** Blue for less and orange for more, laid over a darkened picture with an opacity that says how much. */
export const LESS = [92, 168, 255] as const;
export const MORE = [255, 140, 42] as const;

function table(colour: (index: number) => readonly [number, number, number]): Uint8Array {
  const out = new Uint8Array(STEPS * 3);
  for (let i = 0; i < STEPS; i++) out.set(colour(i), i * 3);
  return out;
}

/** Decades below the top that a logarithmic scale covers, as in the command line's reports. */
export const DECADES = 4;

/** 0 to 1 on a logarithmic scale that ends at `top`. */
export const logShare = (value: number, top: number): number =>
  value > 0 && top > 0 ? Math.min(1, Math.max(0, 1 + Math.log10(value / top) / DECADES)) : 0;

/** -1 to 1. */
export const signedShare = (value: number, range: number): number =>
  range > 0 ? Math.max(-1, Math.min(1, value / range)) : 0;
