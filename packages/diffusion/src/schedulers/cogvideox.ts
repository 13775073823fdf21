import { linspace } from "./flow-grid.js";
import { checkPositive, checkSteps, combine, type Schedule, type SchedulerStep, type Slot } from "./schedule.js";

export interface CogVideoXOptions {
  readonly steps: number;
  /** 1 for CogVideoX 5B and 1.5, 3 for 2B; default 3, as the class. */
  readonly snrShift?: number;
}

const TRAINED = 1000;

/** What is left of the signal at each of the 1000 trained steps, 0 at the last. */
export function cogVideoXSignal(snrShift: number): Float64Array {
  checkPositive("snrShift", snrShift);
  let product = 1;
  const shifted = linspace(Math.sqrt(0.00085), Math.sqrt(0.012), TRAINED).map((root) => {
    product *= 1 - root * root;
    return Math.sqrt(product / (snrShift + (1 - snrShift) * product));
  });
  // Rescaled so that nothing is left at the last step.
  const [first, last] = [shifted[0], shifted[TRAINED - 1]];
  return Float64Array.from(shifted, (root) => (((root - last) * first) / (first - last)) ** 2);
}

/** One step as both schedulers see it. */
interface Point {
  readonly timestep: number;
  /** Signal here, at the step it leads to, and at the step before; 1 behind the end. */
  readonly here: number;
  readonly next: number;
  readonly back: number | undefined;
  readonly last: boolean;
}

function points({ steps, snrShift = 3 }: CogVideoXOptions): Point[] {
  checkSteps(steps);
  const signal = cogVideoXSignal(snrShift);
  const timesteps = Array.from({ length: steps }, (_, i) => halfToEven(TRAINED - (i * TRAINED) / steps) - 1);
  return timesteps.map((timestep, i) => {
    const next = timestep - Math.floor(TRAINED / steps);
    return {
      timestep,
      here: signal[timestep],
      next: next < 0 ? 1 : signal[next],
      back: i === 0 ? undefined : signal[timesteps[i - 1]],
      last: next < 0,
    };
  });
}

function halfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return floor + (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? 1 : 0);
}

const cleanTerms = (signal: number): [Slot, number][] => [
  ["sample", Math.sqrt(signal)],
  ["output", -Math.sqrt(1 - signal)],
];

/** CogVideoX's DDIM for models that predict v (2B). */
export function cogVideoXDdim(options: CogVideoXOptions): Schedule {
  const steps = points(options).map(({ timestep, here, next }): SchedulerStep => {
    const a = Math.sqrt((1 - next) / (1 - here));
    const b = Math.sqrt(next) - Math.sqrt(here) * a;
    const clean = cleanTerms(here).map(([slot, factor]): [Slot, number] => [slot, b * factor]);
    return { timestep, combine: [combine("sample", [["sample", a], ...clean])], noiseDraws: 0 };
  });
  return { name: "CogVideoXDDIMScheduler", steps };
}

const logSnr = (signal: number): number => 0.5 * Math.log(signal / (1 - signal));

/** CogVideoX's DPM-Solver with noise in every step (5B and 1.5). */
export function cogVideoXDpm(options: CogVideoXOptions): Schedule {
  const clean = (step: number): Slot => (step % 2 === 0 ? "history0" : "history1");
  const steps = points(options).map(({ timestep, here, next, back, last }, i): SchedulerStep => {
    // Infinite where there is no signal (the first step) or no noise (the last one).
    const h = logSnr(next) - logSnr(here);
    const sample = Math.sqrt((1 - next) / (1 - here)) * Math.exp(-h);
    const scale = -Math.expm1(-2 * h) * Math.sqrt(next);
    const noise = Math.sqrt(1 - next) * Math.sqrt(-Math.expm1(-2 * h));
    const half = back === undefined || last ? 0 : halfRatio(h, logSnr(here) - logSnr(back));
    const work = [
      combine(clean(i), cleanTerms(here)),
      combine("sample", [
        ["sample", sample],
        [clean(i), scale * (1 + half)],
        ...(half === 0 ? [] : [[clean(i - 1), -scale * half] as [Slot, number]]),
        ["noise", noise],
      ]),
    ];
    return { timestep, combine: work, noiseDraws: i === 0 ? 1 : 2 };
  });
  return { name: "CogVideoXDPMScheduler", steps };
}

/** `1 / (2 r)` with `r = before / h`; 0 where the step before began without signal. */
const halfRatio = (h: number, before: number): number => (Number.isFinite(before) ? (0.5 * h) / before : 0);
