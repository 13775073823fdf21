import { describe, expect, it } from "vitest";
import {
  cogVideoXDdim,
  cogVideoXDpm,
  dpmSolver,
  flowEuler,
  fluxMu,
  Sampler,
  type Schedule,
  scheduleFromConfig,
  unipc,
} from "../src/index.js";
import { golden, readGolden, relativeError } from "./golden.js";

const CASES: Record<string, (steps: number) => Schedule> = {
  unipc_shift3: (steps) => unipc({ steps, shift: 3 }),
  unipc_shift5: (steps) => unipc({ steps, shift: 5 }),
  unipc_shift12: (steps) => unipc({ steps, shift: 12 }),
  unipc_shift5_order3: (steps) => unipc({ steps, shift: 5, order: 3 }),
  unipc_shift5_origsigmas: (steps) => unipc({ steps, shift: 5, grid: "wan" }),
  dpmpp2m_shift3: (steps) => dpmSolver({ steps, shift: 3 }),
  dpmpp2m_shift5: (steps) => dpmSolver({ steps, shift: 5 }),
  euler_shift7_hunyuan: (steps) => flowEuler({ steps, levels: "to-zero", shift: 7 }),
  euler_shift5_default: (steps) => flowEuler({ steps, shift: 5 }),
  euler_flux_seq1024: (steps) => flowEuler({ steps, levels: "to-last", mu: fluxMu(1024) }),
  euler_flux_seq4096: (steps) => flowEuler({ steps, levels: "to-last", mu: fluxMu(4096) }),
  cog_ddim_snr1: (steps) => cogVideoXDdim({ steps, snrShift: 1 }),
  cog_dpm_snr1: (steps) => cogVideoXDpm({ steps, snrShift: 1 }),
  cog_ddim_snr3: (steps) => cogVideoXDdim({ steps, snrShift: 3 }),
  cog_dpm_snr3: (steps) => cogVideoXDpm({ steps, snrShift: 3 }),
};

/** The stand-in for a model that the golden trajectories were made with. */
const model = (x: Float32Array, timestep: number) =>
  x.map((value) => 0.5 * value + 0.1 * Math.sin((Math.PI * timestep) / 1000));

describe("schedulers", () => {
  it.for(Object.keys(CASES))("%s follows the golden trajectories", async (name, ctx) => {
    await follow(name, CASES[name], golden(ctx, "schedulers/golden.safetensors"));
  });

  it("knows every golden case, and makes the same schedules from their configurations", async (ctx) => {
    const { metadata } = await readGolden(golden(ctx, "schedulers/golden.safetensors"));
    const cases: Record<string, { config: Record<string, unknown> }> = JSON.parse(
      metadata.cases.replace(/-?Infinity/g, "null"),
    );
    expect(Object.keys(cases).sort()).toEqual(Object.keys(CASES).sort());
    for (const [name, { config }] of Object.entries(cases)) {
      const className = CASES[name](4).name;
      const schedule = scheduleFromConfig({ ...config, _class_name: className }, { steps: 4, ...OVERRIDES[name] });
      expect([name, schedule]).toEqual([name, CASES[name](4)]);
    }
  });

  async function follow(name: string, make: (steps: number) => Schedule, path: string): Promise<void> {
    const { tensors } = await readGolden(path);
    const values = (key: string) => tensors.get(key)?.toFloat32() as Float32Array;
    const noise = values("initial_sample");
    for (const count of [4, 20, 50]) {
      const key = `${name}.n${count}`;
      const schedule = make(count);
      expect([...schedule.steps.map(({ timestep }) => timestep)]).toEqual([...values(`${key}.timesteps`)]);
      if (schedule.sigmas) expect(relativeError(schedule.sigmas, values(`${key}.sigmas`))).toBeLessThan(2e-7);
      const trajectory = values(`${key}.trajectory`);
      const drawn = values(`${key}.noise`);
      const sampler = new Sampler(schedule, noise);
      for (let i = 0; i < count; i++) {
        const part = (list: Float32Array, at: number) => list.subarray(at * noise.length, (at + 1) * noise.length);
        expect([key, i, relativeError(sampler.sample, part(trajectory, i)) < 1.5e-6]).toEqual([key, i, true]);
        sampler.step(model(sampler.sample, sampler.timestep), drawn && part(drawn, i));
      }
      expect(relativeError(sampler.sample, trajectory.subarray(-noise.length))).toBeLessThan(1.5e-6);
      expect(sampler.done).toBe(true);
    }
  }
});

const OVERRIDES: Record<string, object> = {
  unipc_shift5_origsigmas: { grid: "wan" },
  euler_shift7_hunyuan: { levels: "to-zero" },
  euler_flux_seq1024: { levels: "to-last", mu: fluxMu(1024) },
  euler_flux_seq4096: { levels: "to-last", mu: fluxMu(4096) },
};

describe("wrong options", () => {
  it("are refused by name", () => {
    expect(() => unipc({ steps: 0 })).toThrow(/steps must be an integer from 1 to 1000, got 0/);
    expect(() => unipc({ steps: 4, order: 4 })).toThrow(/order must be 1, 2 or 3/);
    expect(() => dpmSolver({ steps: 4, shift: -1 })).toThrow(/shift must be a positive number/);
    expect(() => flowEuler({ steps: 2, levels: [1, 0] })).toThrow(/levels\[1\] must be in \(0, 1\], got 0/);
    expect(() => flowEuler({ steps: 3, levels: [1, 0.5] })).toThrow(/levels must be 3 numbers/);
    const flow = { _class_name: "UniPCMultistepScheduler", prediction_type: "flow_prediction", use_flow_sigmas: true };
    expect(() => scheduleFromConfig({ _class_name: "Other" }, { steps: 4 })).toThrow(/no scheduler Other/);
    expect(() => scheduleFromConfig({ ...flow, solver_type: "bh1" }, { steps: 4 })).toThrow(/solver_type: "bh1"/);
    expect(() => scheduleFromConfig({ ...flow, use_flow_sigmas: false }, { steps: 4 })).toThrow(
      /use_flow_sigmas: false/,
    );
    expect(scheduleFromConfig({ ...flow, flow_shift: 7 }, { steps: 4 })).toEqual(unipc({ steps: 4, shift: 7 }));
  });

  it("a sampler refuses tensors that do not fit and steps that do not exist", () => {
    const sampler = new Sampler(cogVideoXDpm({ steps: 1 }), new Float32Array(3));
    expect(() => sampler.step(new Float32Array(2))).toThrow(/output has 2 numbers, not 3/);
    expect(() => sampler.step(new Float32Array(3))).toThrow(/needs noise/);
    sampler.step(new Float32Array(3), new Float32Array(3));
    expect(() => sampler.timestep).toThrow(/all 1 steps are done/);
  });

  it.for([1, 2, 3, 7, 1000])("%i steps stay finite in every scheduler", (count) => {
    for (const make of Object.values(CASES)) {
      const sampler = new Sampler(make(count), Float32Array.of(1, -2, 0.5));
      while (!sampler.done) sampler.step(model(sampler.sample, sampler.timestep), Float32Array.of(0.1, 0.2, 0.3));
      expect(sampler.sample.every(Number.isFinite)).toBe(true);
    }
  });
});
