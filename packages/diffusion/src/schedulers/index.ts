export { type CogVideoXOptions, cogVideoXDdim, cogVideoXDpm } from "./cogvideox.js";
export { type DpmSolverOptions, dpmSolver } from "./dpm-solver.js";
export { type EulerLevels, type FlowEulerOptions, flowEuler, fluxMu } from "./flow-euler.js";
export type { FlowGrid } from "./flow-grid.js";
export { type ScheduleOverrides, scheduleFromConfig } from "./from-config.js";
export { Sampler } from "./sampler.js";
export type { Combine, Schedule, SchedulerStep, Slot } from "./schedule.js";
export { type UniPCOptions, unipc } from "./unipc.js";
