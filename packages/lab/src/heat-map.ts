/** Cividis (Nunez, Anderton, Renslow 2018), safe for colour-blind readers: sampled at nine equal steps. */
const CIVIDIS = [
  [0, 32, 77],
  [0, 52, 111],
  [51, 70, 108],
  [87, 93, 109],
  [112, 112, 115],
  [138, 134, 120],
  [166, 157, 117],
  [196, 182, 105],
  [255, 234, 70],
];

/** The colour of a value between 0 and 1; NaN is drawn grey. */
export function colourOf(value: number): readonly [number, number, number] {
  if (Number.isNaN(value)) return [128, 128, 128];
  const at = Math.min(1, Math.max(0, value)) * (CIVIDIS.length - 1);
  const low = Math.min(Math.floor(at), CIVIDIS.length - 2);
  const [a, b] = [CIVIDIS[low], CIVIDIS[low + 1]];
  const mix = (c: number) => Math.round(a[c] + (b[c] - a[c]) * (at - low));
  return [mix(0), mix(1), mix(2)];
}

/** The colour of a signed value between -1 (blue) and 1 (orange), 0 being pale. */
export function divergingColour(value: number): readonly [number, number, number] {
  const [from, to] = [[245, 244, 240], value < 0 ? [33, 102, 172] : [200, 90, 16]];
  const share = Math.min(1, Math.abs(value));
  const mix = (c: number) => Math.round(from[c] + (to[c] - from[c]) * share);
  return [mix(0), mix(1), mix(2)];
}

export interface HeatMapOptions {
  /** Values at the ends of the colour scale; default the data's own (0 to its largest value). */
  readonly range?: readonly [number, number];
  /** `log` spreads small values: the scale covers four decades below its top. */
  readonly scale?: "linear" | "log";
  readonly diverging?: boolean;
  /** Pixels per cell. */
  readonly zoom?: number;
}

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** `[height, width, 4]` */
  readonly rgba: Uint8ClampedArray;
}

const DECADES = 4;

/** Draws a `[rows, columns]` matrix as a picture, row 0 on top. */
export function heatMap(
  values: ArrayLike<number>,
  rows: number,
  columns: number,
  options: HeatMapOptions = {},
): Picture {
  const { scale = "linear", diverging = false, zoom = 1 } = options;
  const [low, high] = options.range ?? ownRange(values, diverging);
  const width = columns * zoom;
  const rgba = new Uint8ClampedArray(width * rows * zoom * 4);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const value = values[row * columns + column];
      const colour = diverging
        ? divergingColour(high === 0 ? 0 : value / high)
        : colourOf(
            scale === "log"
              ? 1 + Math.log10(Math.max(value / (high || 1), 1e-30)) / DECADES
              : (value - low) / (high - low || 1),
          );
      for (let dy = 0; dy < zoom; dy++)
        for (let dx = 0; dx < zoom; dx++)
          rgba.set([...colour, 255], ((row * zoom + dy) * width + column * zoom + dx) * 4);
    }
  return { width, height: rows * zoom, rgba };
}

function ownRange(values: ArrayLike<number>, diverging: boolean): [number, number] {
  let high = 0;
  for (let i = 0; i < values.length; i++) high = Math.max(high, diverging ? Math.abs(values[i]) : values[i]);
  return [diverging ? -high : 0, high];
}
