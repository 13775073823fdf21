import { dot } from "@spaattn/mask";
import { localDirection } from "../tail/directions.js";

/** Rows that are sorted by halving them again and again. */
export interface BisectRows {
  /** `[valid, width]` */
  readonly rows: Float64Array;
  readonly width: number;
  /** Slots from here on are padding: they stay at the end of their list. */
  readonly valid: number;
  /** Power iterations of each cut. */
  readonly steps: number;
}

/** Told of every cut: the relative gap between the rows on either side, 0 for a tie. */
export type OnCut = (gap: number) => void;

/**
 * Sorts `slots` (ascending row indices) so that each of its `2^levels` runs is compact, in place: cut at the median along
 * the direction of largest variance, each half in ascending order again, and so on (beyond.md section 3, "local").
 */
export function bisect(source: BisectRows, slots: Int32Array, levels: number, onCut: OnCut = () => {}): void {
  if (levels === 0) return;
  const { rows, width, valid, steps } = source;
  const tokens = slots.filter((slot) => slot < valid);
  const half = slots.length / 2;
  // Padding comes last: half a list or less stays where it is.
  if (tokens.length > half) {
    const w = localDirection(centredRows(source, tokens), width, steps);
    const along = new Map<number, number>();
    for (const token of tokens) along.set(token, dot(rows, token, w, 0, width));
    const at = (token: number) => along.get(token)!;
    tokens.sort((a, b) => at(a) - at(b) || a - b);
    onCut((at(tokens[half]) - at(tokens[half - 1])) / (at(tokens[tokens.length - 1]) - at(tokens[0]) || 1));
    slots.set(tokens);
  }
  for (const child of [slots.subarray(0, half), slots.subarray(half)]) {
    child.sort();
    bisect(source, child, levels - 1, onCut);
  }
}

/** The listed rows about their mean. */
function centredRows({ rows, width }: BisectRows, tokens: Int32Array): Float64Array {
  const mean = new Float64Array(width);
  for (const token of tokens) for (let ch = 0; ch < width; ch++) mean[ch] += rows[token * width + ch] / tokens.length;
  const centred = new Float64Array(tokens.length * width);
  tokens.forEach((token, r) => {
    for (let ch = 0; ch < width; ch++) centred[r * width + ch] = rows[token * width + ch] - mean[ch];
  });
  return centred;
}
