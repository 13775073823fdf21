export { type CpuOptions, cpu } from "./provider.js";
