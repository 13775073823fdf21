import { linspace, shiftLevel } from "./flow-grid.js";
import { checkPositive, checkSteps, combine, type Schedule } from "./schedule.js";

/**
 * Noise levels before the shift.
 *
 * `to-zero`: `linspace(1, 0, n + 1)` without its end (HunyuanVideo). `to-last`: `linspace(1, 1 / n, n)` (Flux).
 * `twice`: what the class makes up itself when it is given none; the shift is applied twice.
 */
export type EulerLevels = "to-zero" | "to-last" | "twice";

export interface FlowEulerOptions {
  readonly steps: number;
  readonly levels?: EulerLevels | readonly number[];
  /** Default 1: none. */
  readonly shift?: number;
  /** The shift that depends on the number of tokens, in place of `shift`: see `fluxMu`. */
  readonly mu?: number;
}

/**
 * Euler's method for flow models. The model is given 1000 times the noise level, not rounded.
 *
 * @throws RangeError for a wrong option.
 */
export function flowEuler(options: FlowEulerOptions): Schedule {
  const { steps: count, levels = "twice", shift = 1, mu } = options;
  checkSteps(count);
  checkPositive("shift", shift);
  const before = typeof levels === "string" ? unshifted(levels, count, shift, mu !== undefined) : [...levels];
  before.forEach((level, i) => {
    if (!(level > 0 && level <= 1)) throw new RangeError(`levels[${i}] must be in (0, 1], got ${level}`);
  });
  if (before.length !== count) throw new RangeError(`levels must be ${count} numbers, got ${before.length}`);
  const sigmas = Float32Array.from([...move(before, options), 0]);
  const steps = before.map((_, i) => ({
    timestep: Math.fround(1000 * sigmas[i]),
    combine: [
      combine("sample", [
        ["sample", 1],
        ["output", sigmas[i + 1] - sigmas[i]],
      ]),
    ],
    noiseDraws: 0,
  }));
  return { name: "FlowMatchEulerDiscreteScheduler", steps, sigmas };
}

/** The shift; in single precision for levels that the caller gives, which shows in the time steps of the reference. */
function move(levels: readonly number[], { levels: how = "twice", shift = 1, mu }: FlowEulerOptions): number[] {
  const f32 = how === "twice" ? (value: number) => value : Math.fround;
  return levels.map((value) => {
    const level = f32(value);
    if (mu === undefined) return shiftLevel(level, shift, f32);
    const strength = f32(Math.exp(mu));
    return f32(strength / f32(strength + f32(f32(1 / level) - 1)));
  });
}

function unshifted(levels: EulerLevels, count: number, shift: number, dynamic: boolean): number[] {
  if (levels === "to-zero") return linspace(1, 0, count + 1).slice(0, -1);
  if (levels === "to-last") return linspace(1, 1 / count, count);
  // The constructor keeps the ends of its own shifted list of 1000 levels.
  const end = dynamic ? Math.fround(1 / 1000) : shiftLevel(1 / 1000, shift, Math.fround);
  return linspace(1, end, count);
}

/** Flux's shift for a number of image tokens: linear from 0.5 at 256 to 1.15 at 4096. */
export const fluxMu = (tokens: number): number => 0.5 + ((tokens - 256) * (1.15 - 0.5)) / (4096 - 256);
