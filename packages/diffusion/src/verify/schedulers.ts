import { type ScheduleOverrides, scheduleFromConfig } from "../schedulers/from-config.js";
import { Sampler } from "../schedulers/sampler.js";
import type { Schedule } from "../schedulers/schedule.js";
import { compare, exactly, type GoldenCheck, relativeError, tensor } from "./check.js";
import type { GoldenFile, VerifyContext } from "./context.js";

interface Case {
  readonly config: Readonly<Record<string, unknown>>;
  readonly mu?: number;
  readonly sigmas_before_shift?: string;
}

/** The class of a case by the beginning of its name. */
const CLASSES: Readonly<Record<string, string>> = {
  unipc_: "UniPCMultistepScheduler",
  dpmpp2m_: "DPMSolverMultistepScheduler",
  euler_: "FlowMatchEulerDiscreteScheduler",
  cog_ddim_: "CogVideoXDDIMScheduler",
  cog_dpm_: "CogVideoXDPMScheduler",
};

/** The stand-in for a model that the trajectories were made with. */
const model = (x: Float32Array, timestep: number) =>
  x.map((value) => 0.5 * value + 0.1 * Math.sin((Math.PI * timestep) / 1000));

/** All schedules: time steps exactly, every sample of their trajectories. */
export async function* verifySchedulers(_: VerifyContext, file: GoldenFile): AsyncGenerator<GoldenCheck> {
  // Python writes infinities, JSON has none.
  const cases: Record<string, Case> = JSON.parse(file.metadata.cases.replace(/-?Infinity/g, "null"));
  for (const [name, one] of Object.entries(cases)) {
    const className = Object.entries(CLASSES).find(([prefix]) => name.startsWith(prefix))?.[1];
    const counts = [...file.tensors.keys()].flatMap(
      (key) => new RegExp(`^${name}\\.n(\\d+)\\.trajectory$`).exec(key)?.[1] ?? [],
    );
    if (!className || counts.length === 0) yield exactly(name, false, "no scheduler or trajectory of this name");
    for (const steps of className ? counts.map(Number) : []) {
      const schedule = scheduleFromConfig({ ...one.config, _class_name: className }, overrides(one, steps));
      yield* follow(file, `${name}.n${steps}`, schedule);
    }
  }
}

function overrides({ mu, sigmas_before_shift: levels = "" }: Case, steps: number): ScheduleOverrides {
  return {
    steps,
    ...(mu === undefined ? {} : { mu }),
    ...(levels.startsWith("linspace(0.999, 0") ? { grid: "wan" as const } : {}),
    ...(levels.startsWith("linspace(1, 0, n+1)") ? { levels: "to-zero" as const } : {}),
    ...(levels.startsWith("linspace(1, 1/n, n)") ? { levels: "to-last" as const } : {}),
  };
}

function* follow({ tensors }: GoldenFile, key: string, schedule: Schedule): Generator<GoldenCheck> {
  const timesteps = tensor(tensors, `${key}.timesteps`).toFloat32();
  yield exactly(
    `${key}.timesteps`,
    schedule.steps.every(({ timestep }, i) => timestep === timesteps[i]),
  );
  if (schedule.sigmas) yield compare(`${key}.sigmas`, schedule.sigmas, tensor(tensors, `${key}.sigmas`), 1e-6);
  const noise = tensor(tensors, "initial_sample").toFloat32();
  const trajectory = tensor(tensors, `${key}.trajectory`);
  const drawn = tensors.get(`${key}.noise`)?.toFloat32();
  const part = (list: Float32Array, at: number) => list.subarray(at * noise.length, (at + 1) * noise.length);
  const sampler = new Sampler(schedule, noise);
  const path = new Float32Array(trajectory.length);
  path.set(noise);
  for (let i = 0; !sampler.done; i++) {
    sampler.step(model(sampler.sample, sampler.timestep), drawn && part(drawn, i));
    path.set(sampler.sample, (i + 1) * noise.length);
  }
  // Sample by sample: late ones are larger.
  let error = 0;
  for (let i = 0; i <= schedule.steps.length; i++)
    error = Math.max(error, relativeError(part(path, i), part(trajectory.toFloat32(), i)));
  yield { name: `${key}.trajectory`, error, limit: 2e-6, ok: error <= 2e-6 };
}
