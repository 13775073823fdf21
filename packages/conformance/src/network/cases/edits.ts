/** Changes one row (along the last axis) of drawn numbers. */
export function setRow(values: Float32Array, shape: readonly number[], row: number, f: (x: number) => number): void {
  const width = shape.at(-1) as number;
  for (let i = row * width; i < (row + 1) * width; i++) values[i] = f(values[i]);
}

/** An edit that puts NaN at some places. */
export const nanAt =
  (...places: readonly number[]) =>
  (values: Float32Array): void => {
    for (const at of places) values[at] = Number.NaN;
  };
