export { WebGpuBackend } from "./backend.js";
export type { WebGpuOptions } from "./options.js";
export { type WebGpuProvider, webgpu } from "./provider.js";
export { requiredFeatures, requiredLimits } from "./requirements.js";
export { GpuTensor, type WrapSpec } from "./tensor.js";
