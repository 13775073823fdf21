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
  type DType,
  type Extra,
  type FloatDType,
  firstFrame,
  HostTensor,
  hostPolicy,
  isSpaAttnError,
  neighbours,
  type Policy,
  type ProbeResult,
  type Rectify,
  type RunReport,
  SpaAttnError,
  type SpaAttnErrorCode,
  type StepKind,
  type Tensor,
  type TokenLayout,
  topBlocks,
  union,
} from "@spaattn/core";
export { type Grid, type VideoLayout, videoLayout } from "@spaattn/layout";
export type { AttentionInput, Float16ArrayLike, HostArray } from "./inputs.js";
export * from "./known-backends.js";
export * from "./options.js";
export * from "./rectified-attention.js";
export * from "./resolve-backend.js";
export { releaseBackends } from "./shared-backends.js";
