/** One bar of a row of blocks. */
export interface Bar {
  readonly height: number;
  readonly fill: string;
  /** A second value, drawn as a line across the bar. */
  readonly mark?: number;
}

/** A row of thin bars on a common base line, the tallest filling the height. */
export function paintBars(
  context: CanvasRenderingContext2D,
  bars: readonly Bar[],
  width: number,
  height: number,
  ink: string,
): void {
  const top = Math.max(1e-12, ...bars.map((bar) => Math.max(bar.height, bar.mark ?? 0)));
  const step = width / bars.length;
  const room = height - 8;
  const y = (value: number) => height - 1 - (value / top) * room;
  for (const [i, bar] of bars.entries()) {
    context.fillStyle = bar.fill;
    context.fillRect(i * step + step * 0.12, y(bar.height), Math.max(1, step * 0.76), height - 1 - y(bar.height));
    if (bar.mark === undefined) continue;
    context.fillStyle = ink;
    context.fillRect(i * step, y(bar.mark) - 1, step, 2);
  }
  context.fillStyle = ink;
  context.fillRect(0, height - 1, width, 1);
}
