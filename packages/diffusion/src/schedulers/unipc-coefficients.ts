import { solve } from "./solve.js";

/**
 * Factors of one update: `base * x + sum of older[j] * m[j] (+ newest * m)`, where `m[0]` is the clean sample seen at the
 * point the step starts from, `m[1]` the one before, ...
 */
export interface UpdateFactors {
  readonly base: number;
  readonly older: readonly number[];
}

/** Logarithm of the ratio of signal to noise; infinite at noise level 0. */
export const logSnr = (sigma: number): number => Math.log(1 - sigma) - Math.log(sigma);

/** From step `i` to `i + 1`, with the clean samples of the steps i, i - 1, ... */
export function predictor(sigmas: Float32Array, i: number, order: number): UpdateFactors {
  const { base, first, scale, ratios, sides } = start(sigmas, i, order);
  const inner = ratios.slice(0, -1);
  const weights = order === 2 ? [0.5] : solve(vandermonde(inner), sides.slice(0, -1));
  return { base, older: differences(first, scale, inner, weights) };
}

/** From step `i - 1` to `i` again, now with the clean sample seen at i (factor `newest`). */
export function corrector(sigmas: Float32Array, i: number, order: number): UpdateFactors & { newest: number } {
  const { base, first, scale, ratios, sides } = start(sigmas, i - 1, order);
  const weights = order === 1 ? [0.5] : solve(vandermonde(ratios), sides);
  const last = scale * weights[order - 1];
  const older = differences(first, scale, ratios.slice(0, -1), weights);
  return { base, older: [older[0] - last, ...older.slice(1)], newest: last };
}

/** What predictor and corrector share for the way from step `s` to `s + 1`. */
function start(sigmas: Float32Array, s: number, order: number) {
  const [from, to] = [sigmas[s], sigmas[s + 1]];
  const here = logSnr(from);
  const h = logSnr(to) - here;
  const b = Math.expm1(-h);
  // -alpha * B: factor of the clean sample, and of every weighted difference.
  const scale = -(1 - to) * b;
  // The last ratio stands for the point the step leads to.
  const ratios = Array.from({ length: order }, (_, j) =>
    j === order - 1 ? 1 : (logSnr(sigmas[s - 1 - j]) - here) / h,
  );
  return { base: to / from, first: scale, scale, ratios, sides: rightSides(h, b, order) };
}

/** phi functions of the exponential integrator, divided by B (bh2). */
function rightSides(h: number, b: number, order: number): number[] {
  let phi = Math.expm1(-h) / -h - 1;
  let factorial = 1;
  return Array.from({ length: order }, (_, k) => {
    factorial *= k + 1;
    const side = (phi * factorial) / b;
    phi = phi / -h - 1 / (factorial * (k + 2));
    return side;
  });
}

const vandermonde = (ratios: readonly number[]): number[][] =>
  ratios.map((_, power) => ratios.map((ratio) => ratio ** power));

/** Differences to `m[0]` over their ratio, written out as factors of `m[0]`, `m[1]`, ... */
function differences(first: number, scale: number, ratios: readonly number[], weights: readonly number[]): number[] {
  const outer = ratios.map((ratio, j) => (scale * weights[j]) / ratio);
  return [outer.reduce((sum, factor) => sum - factor, first), ...outer];
}
