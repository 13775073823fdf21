export { type CpuOptions, cpu } from "./provider.js";
export { enableRelaxedSimd } from "./relaxed.js";
