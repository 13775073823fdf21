export {
  type Attention,
  type AttentionIO,
  type AttentionResult,
  type AttentionSpec,
  always,
  type Backend,
  type BackendProvider,
  type Behaviour,
  coverMass,
  createAttention,
  type Extra,
  firstFrame,
  hostPolicy,
  neighbours,
  type Policy,
  type ProbeResult,
  type Rectify,
  type RunReport,
  type StepKind,
  type TokenLayout,
  topBlocks,
  union,
} from "@spaattn/attention";
export {
  type DType,
  type FloatDType,
  HostTensor,
  isSpaAttnError,
  SpaAttnError,
  type SpaAttnErrorCode,
  type Tensor,
} from "@spaattn/core";
export { type Grid, type VideoLayout, videoLayout } from "@spaattn/layout";
export type { AttentionInput, Float16ArrayLike, HostArray } from "./inputs.js";
export * from "./known-backends.js";
export * from "./options.js";
export * from "./rectified-attention.js";
export * from "./resolve-backend.js";
export { releaseBackends } from "./shared-backends.js";
export { messageAndPlace, probeBackend, startBackend } from "./start-backend.js";
