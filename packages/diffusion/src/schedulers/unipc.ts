import { type FlowGrid, solverGrid } from "./flow-grid.js";
import { type Combine, combine, type Schedule, type Slot } from "./schedule.js";
import { corrector, predictor } from "./unipc-coefficients.js";

export interface UniPCOptions {
  readonly steps: number;
  /** See `solverGrid`; default 3. */
  readonly shift?: number;
  /** 1 to 3; default 2. */
  readonly order?: number;
  /** Default `even`. */
  readonly grid?: FlowGrid;
}

const HISTORY: readonly Slot[] = ["history0", "history1", "history2"];

/**
 * UniPC (bh2, predicting the clean sample) for flow models: Wan's default.
 *
 * The model output is converted with the uncorrected sample, then the sample is corrected, then predicted.
 *
 * @throws RangeError for a wrong option.
 */
export function unipc(options: UniPCOptions): Schedule {
  const { steps: count, shift = 3, order = 2, grid = "even" } = options;
  if (!(order === 1 || order === 2 || order === 3)) throw new RangeError(`order must be 1, 2 or 3, got ${order}`);
  const { sigmas, timesteps } = solverGrid({ steps: count, shift, grid });
  // Where the clean sample as seen at a step is kept until three newer ones are there.
  const clean = (step: number) => HISTORY[step % 3];
  const orderAt = (step: number) => Math.min(order, count - step, step + 1);
  const steps = timesteps.map((timestep, i) => {
    const work: Combine[] = [];
    // It waits in `output`: the corrector of order 3 still reads the slot it will have.
    work.push(
      combine("output", [
        ["sample", 1],
        ["output", -sigmas[i]],
      ]),
    );
    if (i > 0) {
      const { base, older, newest } = corrector(sigmas, i, orderAt(i - 1));
      const terms = older.map((factor, j): [Slot, number] => [clean(i - 1 - j), factor]);
      work.push(combine("sample", [["base", base], ...terms, ["output", newest]]));
    }
    work.push(combine(clean(i), [["output", 1]]), combine("base", [["sample", 1]]));
    const { base, older } = predictor(sigmas, i, orderAt(i));
    const terms = older.map((factor, j): [Slot, number] => [clean(i - j), factor]);
    work.push(combine("sample", [["base", base], ...terms]));
    return { timestep, combine: work, noiseDraws: 0 };
  });
  return { name: "UniPCMultistepScheduler", steps, sigmas };
}
