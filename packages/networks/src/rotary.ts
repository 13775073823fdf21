/** Channels of a head that each axis of a grid turns, and the base of its frequencies. */
export interface RotaryAxes {
  readonly widths: readonly number[];
  readonly theta: number;
}

/** Cosines and sines of all tokens, `[tokens, headDim / 2]`. */
export interface RotaryTables {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  readonly tokens: number;
  readonly half: number;
}

/**
 * Tables of the rotary embedding of a grid, the first axis slowest.
 *
 * Axis by axis: angles `position * theta^(-2i / width)`; the axes' angles stand behind each other. Angles in double
 * precision, tables in single.
 */
export function rotaryTables(grid: readonly number[], { widths, theta }: RotaryAxes): RotaryTables {
  const half = widths.reduce((sum, width) => sum + width / 2, 0);
  const tokens = grid.reduce((product, size) => product * size, 1);
  const cos = new Float32Array(tokens * half);
  const sin = new Float32Array(tokens * half);
  const frequencies = widths.map((width) => Array.from({ length: width / 2 }, (_, i) => theta ** ((-2 * i) / width)));
  for (let token = 0, at = 0; token < tokens; token++) {
    const position = positionOf(token, grid);
    for (let axis = 0; axis < widths.length; axis++)
      for (const frequency of frequencies[axis]) {
        cos[at] = Math.cos(position[axis] * frequency);
        sin[at++] = Math.sin(position[axis] * frequency);
      }
  }
  return { cos, sin, tokens, half };
}

function positionOf(token: number, grid: readonly number[]): number[] {
  const position = new Array<number>(grid.length);
  let rest = token;
  for (let axis = grid.length - 1; axis >= 0; axis--) {
    position[axis] = rest % grid[axis];
    rest = Math.floor(rest / grid[axis]);
  }
  return position;
}

/** Wan's split of a head among frames, rows and columns. */
export function wanAxes(headDim: number): RotaryAxes {
  const spatial = 2 * Math.floor(headDim / 6);
  return { widths: [headDim - 2 * spatial, spatial, spatial], theta: 10_000 };
}
