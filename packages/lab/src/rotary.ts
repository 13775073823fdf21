/** One rotated channel pair: which grid axis it follows and how fast it turns (radians per token). */
export interface RotaryPair {
  readonly axis: 0 | 1 | 2;
  readonly frequency: number;
}

/**
 * Channel pairs of a 3-axis rotary embedding, split between time, rows and columns as Wan does (the remainder of
 * `headDim / 6` goes to time), base 10,000.
 */
export function rotaryPairs(headDim: number): RotaryPair[] {
  const side = 2 * Math.floor(headDim / 6);
  const widths = [headDim - 2 * side, side, side];
  return widths.flatMap((width, axis) =>
    Array.from({ length: width / 2 }, (_, i) => ({ axis: axis as 0 | 1 | 2, frequency: 10_000 ** ((-2 * i) / width) })),
  );
}

/** Rotates the vector at `offset` of `data` by the grid position `[t, h, w]`, in place. */
export function rotate(
  data: Float32Array,
  offset: number,
  position: readonly number[],
  pairs: readonly RotaryPair[],
): void {
  for (const [i, { axis, frequency }] of pairs.entries()) {
    const angle = position[axis] * frequency;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const at = offset + 2 * i;
    const [x, y] = [data[at], data[at + 1]];
    data[at] = x * cos - y * sin;
    data[at + 1] = x * sin + y * cos;
  }
}
