export type { CudaBackend } from "./backend.js";
export type { CudaDriver, Handle, LaunchShape, TensorMapShape } from "./driver/driver.js";
export { CudaStatusError } from "./driver/status.js";
export type { CudaCompileOptions } from "./network/compile.js";
export type { NetworkProgram } from "./network/program.js";
export { type CudaOptions, type CudaProvider, cuda } from "./provider.js";
export type { CudaTensor } from "./tensor.js";
