import { checkPositive, checkSteps } from "./schedule.js";

/**
 * How noise levels are spaced before the shift.
 *
 * `even`: from 1 in steps of 0.999 / n (UniPC of diffusers today). `wan`: 0.999 (1 - i / n), as in Wan's own code, older
 * releases and DPM-Solver.
 */
export type FlowGrid = "even" | "wan";

export interface FlowGridOptions {
  readonly steps: number;
  /** The larger, the more steps at high noise: 3 for 480p, 5 for 720p; 1 for none. */
  readonly shift: number;
  readonly grid: FlowGrid;
}

/** Noise levels with a trailing 0, and integer time steps, of the solvers (UniPC, DPM-Solver). */
export function solverGrid({ steps, shift, grid }: FlowGridOptions): { sigmas: Float32Array; timesteps: number[] } {
  checkSteps(steps);
  checkPositive("shift", shift);
  const levels = Array.from({ length: steps }, (_, i) =>
    shiftLevel(grid === "even" ? 1 - (i * 0.999) / steps : 0.999 * (1 - i / steps), shift),
  );
  // At pure noise the solver's logarithms would be infinite.
  if (Math.abs(levels[0] - 1) < 1e-6) levels[0] -= 1e-6;
  return { sigmas: Float32Array.from([...levels, 0]), timesteps: levels.map((level) => Math.trunc(1000 * level)) };
}

/** Moves a noise level in 0..1 towards noise; `round` is applied to the level and after every operation. */
export function shiftLevel(level: number, shift: number, round = (value: number) => value): number {
  const rounded = round(level);
  return round(round(shift * rounded) / round(1 + round((shift - 1) * rounded)));
}

/** `count` numbers from `first` to `last`, both included. */
export const linspace = (first: number, last: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => (count === 1 ? first : first + ((last - first) * i) / (count - 1)));
