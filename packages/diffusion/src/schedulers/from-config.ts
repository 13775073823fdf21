import { SpaAttnError } from "@spaattn/core";
import { cogVideoXDdim, cogVideoXDpm } from "./cogvideox.js";
import { dpmSolver } from "./dpm-solver.js";
import { type EulerLevels, flowEuler } from "./flow-euler.js";
import type { FlowGrid } from "./flow-grid.js";
import type { Schedule } from "./schedule.js";
import { unipc } from "./unipc.js";

/** What a caller decides; everything else is in the configuration. */
export interface ScheduleOverrides {
  readonly steps: number;
  /** Instead of the configured shift. */
  readonly shift?: number;
  /** UniPC and DPM-Solver. */
  readonly grid?: FlowGrid;
  /** Euler: the levels the pipeline passes. */
  readonly levels?: EulerLevels;
  /** Euler with a shift that depends on the tokens. */
  readonly mu?: number;
}

type Config = Readonly<Record<string, unknown>>;

const MAKERS: Readonly<Record<string, (config: Checked, overrides: ScheduleOverrides) => Schedule>> = {
  UniPCMultistepScheduler(config, { steps, grid, shift }) {
    config.solver();
    config.expect("solver_type", "bh2", "bh2");
    config.expect("predict_x0", true, true);
    const order = config.number("solver_order", 2);
    return unipc({ steps, order, shift: shift ?? config.number("flow_shift", 1), ...(grid && { grid }) });
  },
  DPMSolverMultistepScheduler(config, { steps, grid, shift }) {
    config.solver();
    config.expect("solver_order", 2, 2);
    config.expect("algorithm_type", "dpmsolver++", "dpmsolver++");
    config.expect("solver_type", "midpoint", "midpoint");
    return dpmSolver({ steps, shift: shift ?? config.number("flow_shift", 1), ...(grid && { grid }) });
  },
  FlowMatchEulerDiscreteScheduler(config, { steps, levels, shift, mu }) {
    config.plain("shift_terminal", "invert_sigmas", "stochastic_sampling");
    config.spacing();
    config.expect("num_train_timesteps", 1000, 1000);
    const dynamic = config.value("use_dynamic_shifting", false) === true;
    if (dynamic && mu === undefined)
      throw new RangeError("this scheduler needs mu, the shift for the number of tokens");
    const how = dynamic ? { mu: mu as number } : { shift: shift ?? config.number("shift", 1) };
    return flowEuler({ steps, ...(levels && { levels }), ...how });
  },
  CogVideoXDDIMScheduler: (config, { steps }) => cogVideoXDdim({ steps, snrShift: config.cog() }),
  CogVideoXDPMScheduler: (config, { steps }) => cogVideoXDpm({ steps, snrShift: config.cog() }),
};

/**
 * The schedule of a `scheduler_config.json`; keys that are missing have the defaults of the class.
 *
 * @throws RangeError for a wrong override.
 * @throws SpaAttnError Unsupported for another class, or a setting that is not implemented.
 */
export function scheduleFromConfig(config: Config, overrides: ScheduleOverrides): Schedule {
  const name = String(config._class_name);
  if (!Object.hasOwn(MAKERS, name))
    throw new SpaAttnError("Unsupported", `There is no scheduler ${name}.`, {
      remedy: `Use one of ${Object.keys(MAKERS).join(", ")}.`,
    });
  return MAKERS[name](new Checked(config), overrides);
}

/** Reads settings and refuses those that would be ignored. */
class Checked {
  constructor(readonly config: Config) {}

  value(key: string, fallback: unknown): unknown {
    return this.config[key] === undefined ? fallback : this.config[key];
  }

  number(key: string, fallback: number): number {
    const value = this.value(key, fallback);
    return typeof value === "number" ? value : this.refuse(key, value);
  }

  expect(key: string, fallback: unknown, supported: unknown): void {
    const value = this.value(key, fallback);
    if (value !== supported) this.refuse(key, value);
  }

  /** Settings that must be off. */
  plain(...keys: string[]): void {
    for (const key of keys) {
      const value = this.value(key, null);
      if (value !== null && value !== false && !(Array.isArray(value) && value.length === 0)) this.refuse(key, value);
    }
  }

  spacing(): void {
    this.plain("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas");
  }

  /** What the solvers for flow models share. */
  solver(): void {
    this.spacing();
    this.plain("thresholding", "disable_corrector", "solver_p", "use_dynamic_shifting", "rescale_betas_zero_snr");
    this.plain("shift_terminal");
    this.expect("num_train_timesteps", 1000, 1000);
    this.expect("prediction_type", "epsilon", "flow_prediction");
    this.expect("use_flow_sigmas", false, true);
    this.expect("lower_order_final", true, true);
    this.expect("final_sigmas_type", "zero", "zero");
  }

  /** The settings of CogVideoX's schedulers; gives the shift of signal to noise. */
  cog(): number {
    this.expect("num_train_timesteps", 1000, 1000);
    this.expect("prediction_type", "epsilon", "v_prediction");
    this.expect("beta_schedule", "scaled_linear", "scaled_linear");
    this.expect("beta_start", 0.00085, 0.00085);
    this.expect("beta_end", 0.012, 0.012);
    this.expect("timestep_spacing", "leading", "trailing");
    this.expect("rescale_betas_zero_snr", false, true);
    this.expect("set_alpha_to_one", true, true);
    this.plain("clip_sample");
    return this.number("snr_shift_scale", 3);
  }

  refuse(key: string, value: unknown): never {
    throw new SpaAttnError(
      "Unsupported",
      `The scheduler's setting ${key}: ${JSON.stringify(value)} is not supported.`,
      {
        remedy: "Use the scheduler this model was published with.",
      },
    );
  }
}
