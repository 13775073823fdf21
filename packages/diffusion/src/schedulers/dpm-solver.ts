import { type FlowGrid, solverGrid } from "./flow-grid.js";
import { type Combine, combine, type Schedule, type Slot } from "./schedule.js";
import { logSnr } from "./unipc-coefficients.js";

export interface DpmSolverOptions {
  readonly steps: number;
  /** See `solverGrid`; default 3. */
  readonly shift?: number;
  /** Default `wan`. */
  readonly grid?: FlowGrid;
}

/**
 * DPM-Solver++ 2M (midpoint) for flow models.
 *
 * @throws RangeError for a wrong option.
 */
export function dpmSolver({ steps: count, shift = 3, grid = "wan" }: DpmSolverOptions): Schedule {
  const { sigmas, timesteps } = solverGrid({ steps: count, shift, grid });
  const clean = (step: number): Slot => (step % 2 === 0 ? "history0" : "history1");
  const steps = timesteps.map((timestep, i) => {
    const [from, to] = [sigmas[i], sigmas[i + 1]];
    const h = logSnr(to) - logSnr(from);
    const scale = -(1 - to) * Math.expm1(-h);
    // Half a difference to the step before; the first and the last step have none.
    const half = i === 0 || i === count - 1 ? 0 : (0.5 * h) / (logSnr(from) - logSnr(sigmas[i - 1]));
    const work: Combine[] = [
      combine(clean(i), [
        ["sample", 1],
        ["output", -from],
      ]),
      combine("sample", [
        ["sample", to / from],
        [clean(i), scale * (1 + half)],
        [clean(i - 1 < 0 ? i : i - 1), -scale * half],
      ]),
    ];
    return { timestep, combine: work, noiseDraws: 0 };
  });
  return { name: "DPMSolverMultistepScheduler", steps, sigmas };
}
